"""What a run claims, verified: everything that is wrong with it, as findings.

The run is read as a stranger would be: no fact is believed before it was looked at, no link
is followed, no lock is taken. A run that is at work meanwhile is read again, or told to be
at work.
"""

import os
from collections.abc import Iterator

from gage.errors import NotFoundError
from gage.fact_agreement import check_agreement
from gage.fact_claims import READER, check_facts, check_shapes
from gage.file_claims import check_files
from gage.finding import Finding
from gage.life import Life, life_of
from gage.locks import is_held
from gage.meta_files import MetaDir, read_meta_dir
from gage.output_claims import check_outputs
from gage.progress import Progress, ignore
from gage.run import STAMPS, Run, run_meta_path
from gage.status import exit_note
from gage.step_claims import check_links, links_at

_TRIES = 3

_State = tuple[str, tuple[int, ...]]


def check_run(
    run: Run, *, is_ours: bool = False, contents: bool = True, progress: Progress = ignore
) -> list[Finding]:
    """Everything that is to be said of *run*; nothing where it is as it should be.

    *is_ours* is whether the caller holds its lock; without *contents* no file is digested,
    and nothing said that depends on it. Raises NotFoundError where it is gone.
    """
    findings: list[Finding] = []
    for _ in range(_TRIES):
        before = _state(run, is_ours)
        # What one fact needs another may need, too: each finding is told once.
        findings = list(dict.fromkeys(_check(run, before[0], contents, progress)))
        if _state(run, is_ours) == before:
            break
    return findings


def _check(run: Run, at_work: str, contents: bool, progress: Progress) -> Iterator[Finding]:
    try:
        meta = read_meta_dir(run.meta_dir)
    except OSError as error:
        yield _no_meta_dir(run, error)
        return
    if at_work:
        yield Finding(run.run_dir, "note", "running", run.name, at_work)
        yield from check_shapes(run, meta)
        return
    life = life_of(meta.files, {*meta.folders})
    links = links_at(run, meta.files)
    yield from check_facts(run, meta, life)
    yield from check_agreement(run, meta, life)
    yield from check_outputs(run, meta, life)
    yield from check_links(run, meta.files, life, links)
    names = [link.name for link in links]
    yield from check_files(run, meta.files, life, names, contents=contents, progress=progress)
    yield from _unfinished(run, meta, life)


def _unfinished(run: Run, meta: MetaDir, life: Life) -> Iterator[Finding]:
    lost = "stopped" in meta.files and "proc/lock" not in meta.files
    if life.phase == "started" and not lost and exit_note(run) is None:
        trouble = "is not finalized: what ran it died"
        hint = f"gage-finalize {run}"
        yield Finding(run.run_dir, "warning", "unfinished", run.name, trouble, hint)


def _no_meta_dir(run: Run, error: OSError) -> Finding:
    if not os.path.lexists(run.meta_dir):
        raise NotFoundError(f"{run}: its meta dir is gone") from None
    if os.path.islink(run.meta_dir) or not os.path.isdir(run.meta_dir):
        return Finding(
            *(run.run_dir, "error", "damaged", f"{run.name}.meta", "is no directory"),
            f"bring it back from a copy of the run, or remove it: rm {run.meta_dir}",
        )
    trouble = f"cannot be read: {error.strerror}"
    return Finding(run.run_dir, "error", "unreadable", f"{run.name}.meta", trouble, READER)


def _state(run: Run, is_ours: bool) -> _State:
    """Who is at work on *run*, in words, and the facts that tell how far it has come."""
    inodes = []
    for name in (*STAMPS, "proc/exit"):
        try:
            inodes.append(os.lstat(run_meta_path(run, name)).st_ino)
        except OSError:
            inodes.append(0)
    return "" if is_ours else _at_work(run), tuple(inodes)


def _at_work(run: Run) -> str:
    try:
        if is_held(run, "runner"):
            return "is at work, and was checked as far as that goes"
        if is_held(run, "tree"):
            return "something that its command started is still running"
    except OSError as error:
        return f"may be at work, which cannot be asked: {error.strerror}"
    return ""
