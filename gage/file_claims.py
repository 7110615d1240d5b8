"""The files of a run, held against its manifest, its log of files, and their modes.

The manifest keeps the digest that a staged file went in with. Where the command changed such
a file, finalize tells so in ``log/files``, with the time of modification; a digest of what
the command made of it is recorded nowhere. So that time is all that tells such a file from
one that was changed later.
"""

import os
from collections.abc import Iterator, Sequence

from gage.dirs import Dirs
from gage.fact_claims import READER, mend
from gage.file_differences import Difference, find_differences
from gage.file_history import History, changed_by_command, history_of, was_deleted, went_in
from gage.finding import Finding, Severity, What
from gage.life import Life
from gage.log_claims import check_log
from gage.manifest import GENERATED, Entry
from gage.meta_files import Facts, entries_of
from gage.progress import Progress
from gage.reading import open_beneath
from gage.run import Run
from gage.run_files import Contents, RunFile, contents_of
from gage.sealing import UNSEALED


def check_files(
    run: Run,
    facts: Facts,
    life: Life,
    links: Sequence[str],
    *,
    contents: bool,
    progress: Progress,
) -> Iterator[Finding]:
    """What is wrong with the files of *run*; *links* are those of steps, and told elsewhere.

    Without *contents* only the modes are looked at.
    """
    if life.phase == "pending":
        return
    try:
        dirs = Dirs(run.run_dir)
    except OSError as error:
        yield _no_run_dir(run, error)
        return
    entries = entries_of(facts)
    if entries is None or not life.is_sealed:
        dirs.close()
        return
    with dirs:
        inside = contents_of(dirs)
        yield from _modes(run, dirs, inside, entries, life)
    if not contents:
        return
    history = history_of(facts)
    there = {found.path: found for found in inside.files}
    known = {entry.path: entry for entry in entries}
    for difference in find_differences(run, entries, progress=progress):
        path, entry = difference.path, known.get(difference.path)
        if entry is not None:
            yield _differs(run, life, entry, difference, history, there.get(path))
        elif path not in links and (life.phase == "finished" or went_in(history, path)):
            trouble = "the manifest does not know it"
            hint = f"move it out of the run, or gage runs rm {run}"
            yield _file(run, "error", "new", path, trouble, hint)
    for path, reason in inside.skipped if life.phase == "finished" else ():
        if path == ".":
            continue
        if reason.startswith("cannot be read"):
            yield _unreadable(run, path, reason)
        else:
            yield _file(run, "note", "unknown", path, f"is not checked: {reason}")
    yield from check_log(run, facts, entries, history)


def _no_run_dir(run: Run, error: OSError) -> Finding:
    if not os.path.lexists(run.run_dir):
        hint = f"bring it back from a copy of the run, or gage runs rm {run}"
        return _file(run, "error", "missing", "", "the run dir is gone", hint)
    if os.path.islink(run.run_dir):
        return _file(run, "error", "damaged", "", "the run dir is a link")
    return _unreadable(run, "", f"cannot be read: {error.strerror}")


def _differs(
    run: Run,
    life: Life,
    entry: Entry,
    difference: Difference,
    history: History,
    found: RunFile | None,
) -> Finding:
    path, what = entry.path, difference.difference
    if what == "unreadable":
        return _unreadable(run, path, "cannot be read")
    hint = f"bring it back from a copy, or gage restart {run} makes it anew"
    if entry.type != GENERATED:
        hint = f"bring it back from a copy, or gage restart --force-sourcecode {run}"
    elif what == "missing":
        return _file(run, "error", "missing", path, "is gone", hint)
    if life.phase == "staged":
        trouble = "is gone" if what == "missing" else "is not as it was staged"
        return _file(run, "error", what, path, trouble, hint)
    if what == "missing":
        if was_deleted(history, path):
            return _file(run, "note", "command", path, "the command deleted it")
        trouble = "is gone, and log/files does not tell that the command deleted it"
        return _file(run, "error", "missing", path, trouble, hint)
    time = None if entry.type == GENERATED else changed_by_command(history, path)
    if time is None:
        return _file(run, "error", "changed", path, "has changed since the run ended", hint)
    if found is not None and found.mtime == time:
        trouble = (
            "the command changed it, at the time that it has; whether its content changed"
            " again since is recorded nowhere"
        )
        return _file(run, "note", "command", path, trouble)
    trouble = "the command changed it, and it has changed again since, or lost its time in a copy"
    return _file(run, "error", "changed", path, trouble, hint)


def _modes(
    run: Run, dirs: Dirs, contents: Contents, entries: Sequence[Entry], life: Life
) -> Iterator[Finding]:
    staged = {entry.path for entry in entries if entry.type != GENERATED}
    for found in contents.files:
        if found.kind == "link" or not found.mode & UNSEALED:
            continue
        if life.phase == "staged" and found.path not in staged:
            continue
        status = _status(dirs, found.path)
        if status is None:
            continue
        if status.st_nlink > 1 and found.path not in contents.linked:
            trouble = "has hard links elsewhere, and can be written to"
            yield _file(run, "note", "writable", found.path, trouble)
        elif os.geteuid() not in (0, status.st_uid):
            trouble = "belongs to another user, and can be written to"
            yield _file(run, "note", "writable", found.path, trouble)
        else:
            yield _file(run, "warning", "writable", found.path, "should be read-only", mend(run))


def _status(dirs: Dirs, path: str) -> os.stat_result | None:
    try:
        fd = open_beneath(dirs, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _unreadable(run: Run, path: str, reason: str) -> Finding:
    return _file(run, "error", "unreadable", path, f"{reason}, and so not be checked", READER)


def _file(
    run: Run, severity: Severity, what: What, path: str, message: str, hint: str = ""
) -> Finding:
    where = os.path.join(run.name, path) if path else run.name
    return Finding(run.run_dir, severity, what, where, message, hint)
