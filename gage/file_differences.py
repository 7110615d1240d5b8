"""How the files of a run dir differ from those that its manifest tells of."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gage.digest import ALGORITHMS, algorithm_of
from gage.manifest import Entry, compare
from gage.progress import Progress, ignore
from gage.run import Run


class Difference(NamedTuple):
    """How one file of a run dir differs from the manifest."""

    difference: Literal["missing", "changed", "unreadable", "new"]
    path: str


def find_differences(
    run: Run, entries: Sequence[Entry], *, progress: Progress = ignore
) -> list[Difference]:
    """How the files of *run* differ from *entries*, in this order, and then what is new."""
    from gage.sealing import digest_run_dir

    algorithms = {
        entry.path: algorithm_of(entry.digest)
        for entry in entries
        if not entry.digest.startswith("link:")
    }
    seal = digest_run_dir(run.run_dir, algorithms, ALGORITHMS[0], progress=progress)
    changes = compare(entries, {file.path: file.digest for file in seal.files})
    closed = {skipped.path for skipped in seal.skipped if skipped.path != "."}
    found = [Difference("changed", path) for path in changes.modified]
    for path in changes.deleted:
        found.append(Difference("unreadable" if _is_in(path, closed) else "missing", path))
    order = {entry.path: index for index, entry in enumerate(entries)}
    found.sort(key=lambda difference: order[difference.path])
    return found + [Difference("new", path) for path in changes.added]


def _is_in(path: str, folders: set[str]) -> bool:
    """Whether *path*, or a directory that it is in, is one of *folders*."""
    while path and path not in folders:
        path = path.rpartition("/")[0]
    return bool(path)
