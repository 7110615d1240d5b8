"""A runs home, checked apart from its runs: what names it has, and what lies about in it."""

import os
import stat
from collections.abc import Iterator

from gage import index, trash
from gage.finding import Finding, Severity, What
from gage.listing import is_index_right
from gage.locks import is_held
from gage.meta_files import read_meta_file
from gage.removing import abandoned, untouched
from gage.run import RUN_ID, Run, run_names

TMP, LOCKS = ".tmp", ".locks"


def check_home(home: str) -> list[Finding]:
    """What is wrong in *home*, but with its runs. Raises OSError where it cannot be read."""
    names = set(run_names(home))
    findings = [*_twins(home, names), *_strays(home, names)]
    for check in (_tmp, _locks, _trash, _index):
        try:
            findings += check(home)
        except FileNotFoundError:
            continue
        except OSError as error:
            path = os.path.relpath(os.fsdecode(error.filename or home), home)
            trouble = f"cannot be read: {error.strerror}"
            findings.append(Finding(home, "error", "unreadable", path, trouble))
    return findings


def abandoned_locks(home: str) -> list[str]:
    """The names of runs that are gone, and whose locks lie there for a day or longer."""
    if os.path.islink(os.path.join(home, LOCKS)):
        return []  # what lies there is none of ours
    there = {*run_names(home), *trash.names_in_trash(home)}
    left = [entry for entry in untouched(os.path.join(home, LOCKS)) if entry.name not in there]
    return sorted(entry.name for entry in left if not _is_held(home, entry.name))


def is_ours(home: str) -> bool:
    """Whether verbs have worked in *home*: else what is called ``.tmp`` there is not theirs."""
    locks = os.path.join(home, LOCKS)
    return os.path.isdir(locks) and not os.path.islink(locks)


def _is_held(home: str, name: str) -> bool:
    run = Run(os.path.join(home, name), "", None)
    return is_held(run, "runner") or is_held(run, "tree")


def _twins(home: str, names: set[str]) -> Iterator[Finding]:
    called: dict[bytes, list[str]] = {}
    for name in sorted(names):
        id = read_meta_file(os.path.join(home, name + ".meta"), "id")
        called.setdefault(id, []).append(name)
    for id, alike in called.items():
        if len(alike) == 1 or not RUN_ID.fullmatch(os.fsdecode(id).removesuffix("\n")):
            continue
        for name in alike:
            others = ", ".join(other for other in alike if other != name)
            path, trouble = f"{name}.meta/id", f"is the ID of {others}, too"
            hint = f"keep one of them: gage runs rm {os.path.join(home, name)}"
            yield _about(home, name, "error", "mismatch", path, trouble, hint)


def _strays(home: str, names: set[str]) -> Iterator[Finding]:
    deleted = trash.names_in_trash(home)
    with os.scandir(home) as entries:
        present = sorted(entries, key=lambda entry: entry.name)
    for entry in present:
        name = entry.name
        run = name.removesuffix(".user")
        if name.endswith(".meta") and not entry.is_dir(follow_symlinks=False):
            trouble = "is no directory"
            hint = f"bring it back from a copy, or remove it: rm {entry.path}"
            yield _about(home, name[:-5], "error", "damaged", name, trouble, hint)
        elif run in names or run in deleted:
            continue
        elif RUN_ID.fullmatch(name) and entry.is_dir(follow_symlinks=False):
            trouble = "is a run dir without a meta dir: its facts are gone"
            hint = f"bring {name}.meta back from a copy, or remove the directory"
            yield _about(home, name, "error", "missing", f"{name}.meta", trouble, hint)
        elif name != run:
            trouble = "is what was said about a run that is not here"
            yield _about(home, run, "note", "unknown", name, trouble)


def _tmp(home: str) -> Iterator[Finding]:
    if not is_ours(home):
        return
    for entry in sorted(abandoned(os.path.join(home, TMP)), key=lambda entry: entry.name):
        trouble = "was left by a verb that was killed"
        yield _left_over(home, os.path.join(TMP, entry.name), trouble)


def _locks(home: str) -> Iterator[Finding]:
    for name in abandoned_locks(home):
        yield _left_over(home, os.path.join(LOCKS, name), "the run of these locks is gone")


def _trash(home: str) -> Iterator[Finding]:
    for place in trash.interrupted(home):
        path, trouble = os.path.relpath(place, home), "was interrupted, and is finished by --repair"
        yield Finding(home, "warning", "unfinished", path, trouble, _mend(home))


def _index(home: str) -> Iterator[Finding]:
    path = os.path.join(home, index.NAME)
    if not stat.S_ISREG(os.lstat(path).st_mode):
        yield Finding(home, "error", "damaged", index.NAME, "is no file", f"rm -r {path}")
    elif not is_index_right(home):
        yield _left_over(home, index.NAME, "does not tell what the runs do; it is made anew")


def _left_over(home: str, path: str, trouble: str) -> Finding:
    return Finding(home, "warning", "left-over", path, trouble, _mend(home))


def _mend(home: str) -> str:
    return f"gage-fsck --repair --runs {home}"


def _about(
    home: str, name: str, severity: Severity, what: What, path: str, message: str, hint: str = ""
) -> Finding:
    return Finding(os.path.join(home, name), severity, what, path, message, hint)
