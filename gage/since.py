"""What has changed since a run was made: what another of its operation would be made of now.

It is for eyes, and quick: a file that has the size and the time of modification that it had
when it entered the run is taken for the same; only others are read, up to a limit. What a
run takes from other runs is not known before it is staged, and not compared.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from gage.digest import SPARSE, algorithm_of, digest_fd, link_digest
from gage.errors import GageError
from gage.files_log import read_events
from gage.manifest import SOURCE, Entry, read_manifest
from gage.operation import Prepared
from gage.patch import parse_patches
from gage.recorded import recorded_command, recorded_config
from gage.run import Run, read_fact_bytes
from gage.scalar import Scalar, same
from gage.sourcecode import Source
from gage.staged_source import texts_before_config

MOST_BYTES = 1 << 26
"""No more is read of files that were touched: of others it is not known what became of them."""

Change = Literal["changed", "added", "removed", "touched"]


class FlagChange(NamedTuple):
    """A value that is not what it was; None where there is, or was, none."""

    name: str
    old: Scalar
    new: Scalar
    how: Literal["changed", "added", "removed"]


class Changes(NamedTuple):
    """What is not as it was: *flags*, the *command* itself, and *files* of the source code.

    A file that is ``touched`` was not compared.
    """

    flags: list[FlagChange]
    command: bool
    files: list[tuple[Change, str]]


def changes_since(
    run: Run, prepared: Prepared, project: str, sources: Sequence[Source]
) -> Changes | None:
    """What another run, of *prepared* with the *sources* of *project*, would have otherwise.

    None where the facts of *run* do not tell what it was made of.
    """
    try:
        flags = _flags(recorded_config(run), prepared.config)
        command = recorded_command(run).args != prepared.cmd.args
        entries = read_manifest(run)
        files = _files(run, project, sources, entries)
    except (GageError, OSError):
        return None
    return Changes(flags, command, files)


def _flags(old: Mapping[str, Scalar], new: Mapping[str, Scalar]) -> list[FlagChange]:
    changes = []
    for name in dict.fromkeys([*new, *old]):
        if name not in old:
            changes.append(FlagChange(name, None, new[name], "added"))
        elif name not in new:
            changes.append(FlagChange(name, old[name], None, "removed"))
        elif not same(old[name], new[name]):
            changes.append(FlagChange(name, old[name], new[name], "changed"))
    return changes


def _files(
    run: Run, project: str, sources: Sequence[Source], entries: Sequence[Entry]
) -> list[tuple[Change, str]]:
    known = {entry.path: entry for entry in entries if entry.type == SOURCE}
    times = {event.path: event.mtime for event in read_events(run) if event.event == "a"}
    patched = parse_patches(read_fact_bytes(run, "log", "patched") or b"")
    configured = {patch.path for patch in patched}
    changes: list[tuple[Change, str]] = []
    left = MOST_BYTES
    for source in sources:
        entry = known.pop(source.path, None)
        if entry is None:
            changes.append(("added", source.path))
            continue
        path = os.path.join(project, source.path)
        if source.kind == "link":
            if entry.digest != link_digest(source.target or os.readlink(path)):
                changes.append(("changed", source.path))
            continue
        status = os.stat(path)
        time = times.get(source.path)
        size = _size(os.path.join(run.run_dir, source.path), time)
        if size not in (None, status.st_size):
            changes.append(("changed", source.path))
        elif time == status.st_mtime_ns // 1000:
            continue
        elif status.st_size > left:
            changes.append(("touched", source.path))
        else:
            left -= status.st_size
            change = _compared(run, path, entry, source.path in configured)
            changes += [(change, source.path)] if change else []
    return changes + [("removed", path) for path in known]


def _compared(run: Run, path: str, entry: Entry, configured: bool) -> Change | None:
    """How the file at *path* differs from that of *entry*; None where it does not."""
    if configured:
        # The manifest has it with the values of the run in it.
        before = texts_before_config(run, entry.path)
        if not before:
            return "touched"
        with open(path, "rb") as file:
            return None if file.read() in before else "changed"
    algorithm = algorithm_of(entry.digest)
    if algorithm.startswith(SPARSE):
        return "touched"
    with open(path, "rb") as file:
        return None if digest_fd(file.fileno(), algorithm) == entry.digest else "changed"


def _size(path: str, time: int | None) -> int | None:
    """The size that a file entered a run with, at *time*; None where it is not as it was."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    as_it_was = stat.S_ISREG(status.st_mode) and status.st_mtime_ns // 1000 == time
    return status.st_size if as_it_was else None
