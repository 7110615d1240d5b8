"""The facts of a run, held against each other: each may be well formed, and all not be true."""

import os
import re
from collections.abc import Iterator
from itertools import pairwise

from gage.fact_claims import fact, lost, mend
from gage.finding import Finding, What
from gage.life import Life, is_kept
from gage.meta_files import (
    Facts,
    MetaDir,
    MetaFile,
    definition_of,
    entries_of,
    json_of,
    sound,
    text_of,
)
from gage.opdef import phases
from gage.run import RUN_ID, STAMPS, Run, lock_path
from gage.status import exit_note

_OF_ONE_ATTEMPT = (
    *("summary.json", "output/40_run", "output/40_run.index"),
    *("output/50_finalize", "output/50_finalize.index"),
)


def check_agreement(run: Run, meta: MetaDir, life: Life) -> Iterator[Finding]:
    """Where the facts of *run* contradict each other, or its phase."""
    yield from _names(run, meta.files)
    yield from _stamps(run, meta.files, life)
    yield from _ending(run, meta.files, life)
    yield from _left_over(run, meta.files, life)
    yield from _attempts(run, meta, life)
    yield from _dependencies(run, meta.files, life)


def _names(run: Run, facts: Facts) -> Iterator[Finding]:
    id = text_of(facts, "id")
    if id and RUN_ID.fullmatch(run.name) and id != run.name:
        trouble = f"is not the name of the run dir: {id}"
        yield fact(run, "error", "mismatch", "id", trouble, lost(run))
    if id and id == text_of(facts, "parent"):
        yield fact(run, "error", "mismatch", "parent", "is the run itself", lost(run))


def _stamps(run: Run, facts: Facts, life: Life) -> Iterator[Finding]:
    lives = [("", STAMPS), *((f"attempts/{n}/", ("started", "stopped")) for n in life.attempts)]
    for folder, names in lives:
        taken = [(n, int(text)) for n in names if (text := text_of(facts, folder + n))]
        for (before, first), (after, second) in pairwise(taken):
            if second < first:
                trouble = f"is earlier than {before}: the clock was set back, or it was changed"
                yield fact(run, "note", "clock", folder + after, trouble)


def _ending(run: Run, facts: Facts, life: Life) -> Iterator[Finding]:
    code = text_of(facts, "proc/exit")
    if code and life.phase == "finished" and sound(facts, "log/runner"):
        last = text_of(facts, "log/runner").rpartition(" kept attempt ")[2]
        told = re.findall("(?m) finalized with exit code (-?[0-9]+)$", last)
        if told[-1:] != [code]:
            trouble = f"does not tell that the run was finalized with exit code {code}"
            yield fact(run, "error", "mismatch", "log/runner", trouble, lost(run))


def _left_over(run: Run, facts: Facts, life: Life) -> Iterator[Finding]:
    if "proc/lock" in facts and life.phase != "started":
        yield fact(run, "warning", "left-over", "proc/lock", "nothing runs any more", mend(run))
    if life.phase == "finished" and os.path.lexists(lock_path(run, "exit.note")):
        path = f".locks/{run.name}/exit.note"
        noted, code = exit_note(run), text_of(facts, "proc/exit")
        if noted is not None and code and str(noted) != code:
            trouble = f"does not tell that the command ended with {noted}, as {path} does"
            yield fact(run, "error", "mismatch", "proc/exit", trouble, lost(run))
        else:
            trouble = "the end of the command is a fact by now"
            yield Finding(run.run_dir, "warning", "left-over", path, trouble, mend(run))
    if life.phase in ("staged", "reopening") and life.attempts and "proc/exit" not in facts:
        for path in _OF_ONE_ATTEMPT:
            kept = f"attempts/{life.attempts[-1]}/{path}"
            if path in facts and kept in facts and _is_same(facts[path], facts[kept]):
                trouble = f"is of an earlier attempt, which has it in {kept}"
                yield fact(run, "warning", "left-over", path, trouble, mend(run))


def _is_same(file: MetaFile, kept: MetaFile) -> bool:
    return file.inode == kept.inode or (file.data == kept.data != b"")


def _attempts(run: Run, meta: MetaDir, life: Life) -> Iterator[Finding]:
    for path in meta.folders:
        folder, _, name = path.partition("/")
        is_attempt = folder == "attempts" and re.fullmatch("[1-9][0-9]*", name)
        if is_attempt and int(name) not in life.attempts:
            trouble = f"there is no attempt {len(life.attempts) + 1}"
            yield fact(run, "error", "missing", path, trouble, lost(run))
    if life.phase == "reopening" or is_kept(meta.files, life.attempts):
        trouble = "was being reopened, and that is not done"
        yield Finding(
            *(run.run_dir, "warning", "unfinished", run.name, trouble), f"gage-reopen {run}"
        )


def _dependencies(run: Run, facts: Facts, life: Life) -> Iterator[Finding]:
    opdef = definition_of(facts)
    if opdef is None or "stage-dependencies" in phases(opdef):
        return  # what a hook makes a dependency of, it need not record
    folders = [f"attempts/{number}/" for number in life.attempts]
    if life.phase not in ("pending", "reopening"):
        folders.append("")
    for folder in folders:
        entries, path = entries_of(facts, folder), f"{folder}dependencies.json"
        if entries is None or (path in facts and sound(facts, path) is None):
            continue  # told of already
        recorded = {record["path"]: record["digest"] for record in json_of(facts, path) or []}
        there = {entry.path: entry for entry in entries}
        for name in recorded:
            if name not in there:
                trouble = f"tells where {name} came from, which the manifest does not have"
                yield fact(run, "error", "mismatch", path, trouble, lost(run))
        for name, entry in there.items():
            trouble = ""
            if name in recorded:
                if recorded[name] != entry.digest:
                    trouble = f"has another digest of {name} than the manifest"
            elif entry.type == "d":
                trouble = f"does not tell where {name} came from"
            if trouble:
                what: What = "mismatch" if path in facts else "missing"
                yield fact(run, "error", what, path, trouble, lost(run))
