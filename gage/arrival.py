"""Arrival: runs from an archive, verified and put into a runs home, all of them or none.

They are unpacked in ``.tmp``, and checked there as gage-fsck(1) checks runs; then all are
renamed to their places, the meta dirs last, so that what a crash leaves is whole runs and
what is no run, and goes when the archive is imported again.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, NamedTuple

from gage.archive import is_refused, is_unfinished
from gage.arrival_modes import set_modes
from gage.building import building
from gage.claims import check_run
from gage.compression import FREE, decompressing
from gage.digest import digest_fd
from gage.dirs import Dirs, joined, walk
from gage.durable import Sync, sync_dir, sync_file_system
from gage.errors import ConfigError, GageError, LockedError, StateError
from gage.extraction import MAX_ENTRIES, extract
from gage.locks import holding
from gage.meta_files import read_meta_file
from gage.pipeline import linked_names
from gage.progress import Tell
from gage.reading import READ
from gage.removing import remove_tree
from gage.run import RUN_ID, Run, make_home, open_run, read_fact, run_names, sync_home, tmp_dir
from gage.status import run_status
from gage.step_circles import find_circle

_BEFORE = (".user", "")
"""The parts of a run that come before its meta dir."""


class Arrived(NamedTuple):
    """A run of the archive; *is_new* is whether it was not here before."""

    run: Run
    is_new: bool


def import_runs(
    packed: IO[bytes],
    home: str,
    *,
    tell: Tell,
    sync: Sync = "commit",
    free: int = FREE,
    max_entries: int = MAX_ENTRIES,
) -> list[Arrived]:
    """Put the runs of the archive *packed* into the runs home *home*.

    *tell* hears what could not be verified. A run that is here already, and the same, stays
    as it is. Raises ConfigError where the archive is none, or a run in it claims what is not
    so, StateError where another run has its name; then nothing is here that was not before.
    Raises LockedError where another import is bringing in one of them.
    """
    make_home(home)
    sync_home(home, sync)
    tmp = tmp_dir(Run(os.path.join(home, "-"), "", None))
    place = os.path.join(tmp, os.urandom(12).hex())
    with building(place, 0o700):
        try:
            with decompressing(packed, free=free) as stream:
                names = extract(stream, place, max_entries=max_entries)
            runs = [_verified(place, name, sync, tell) for name in names]
            _expect_own_ids(runs)
            new = _not_here(runs, home)
            for run in new:
                set_modes(run)
            if sync != "none":
                fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    sync_file_system(fd)
                finally:
                    os.close(fd)
            new = _placed(new, home)
        finally:
            remove_tree(place)
    return [Arrived(run._replace(run_dir=os.path.join(home, run.name)), run in new) for run in runs]


def _verified(place: str, name: str, sync: Sync, tell: Tell) -> Run:
    """The run *name* in the directory *place*, when nothing that it claims is untrue."""
    try:
        run = open_run(os.path.join(place, name), sync=sync)
    except GageError as error:
        raise ConfigError(f"{name}: is no run: {error.message.rpartition(': ')[2]}") from None
    if not run.id or run.opref is None or (RUN_ID.fullmatch(name) and name != run.id):
        raise ConfigError(f"{name}: is no run: its ID is missing, or another")
    if run_status(run) == "unknown":
        raise ConfigError(f"{name}: is no run: its facts make no sense")
    if is_unfinished(run):
        raise ConfigError(f"{name}: is not finalized, and how it ended is not told")
    for finding in check_run(run):
        if is_refused(finding):
            raise ConfigError(f"{finding.path}: {finding.message}")
        if finding.what in ("changed", "command"):
            tell(f"{finding.path}: {finding.message}")
    return run


def _expect_own_ids(runs: Sequence[Run]) -> None:
    """Raise ConfigError where two of *runs* have one ID."""
    names: dict[str, str] = {}
    for run in runs:
        if (other := names.setdefault(run.id, run.name)) != run.name:
            raise ConfigError(f"{run.name}: has the ID of {other}, too: {run.id}")


def _not_here(runs: Sequence[Run], home: str) -> list[Run]:
    """Those of *runs* that are not in *home* yet.

    Raises StateError where another run has the name or the ID of one of them there, and
    ConfigError where with them a run would be a step of itself.
    """
    new = [run for run in runs if not _is_here(run, home)]
    if not new:
        return []
    new_ids = {run.id: run.name for run in new}
    names = dict(new_ids)
    there = {run.name: run for run in new}
    for name in run_names(home):
        run_dir = os.path.join(home, name)
        id = os.fsdecode(read_meta_file(f"{run_dir}.meta", "id")).removesuffix("\n")
        if id in new_ids:
            raise StateError(
                f"{run_dir}: is here already, under this name and not as {new_ids[id]}",
                f"gage runs rm {run_dir}",
            )
        names[id] = name
        there[name] = Run(run_dir, id, None)

    def steps(name: str) -> list[str]:
        try:
            return linked_names(there[name]) if name in there else []
        except OSError:
            return []  # a run that is here may be damaged

    def parents(name: str) -> list[str]:
        parent = os.fsdecode(read_meta_file(there[name].meta_dir, "parent")).removesuffix("\n")
        return [names[parent]] if parent and parent in names else []

    if name := find_circle(new_ids.values(), steps) or find_circle(new_ids.values(), parents):
        raise ConfigError(f"{name}: is a step of itself")
    return new


def _is_here(run: Run, home: str) -> bool:
    """Whether the very same run is in *home*. Raises StateError where another is."""
    here = os.path.join(home, run.name)
    if not os.path.lexists(here + ".meta"):
        return False
    trouble = "another run of this name is here"
    with suppress(GageError, OSError):
        if open_run(here).id == run.id:
            facts, those = _tree(run.meta_dir), _tree(here + ".meta")
            if facts == those:
                return True
            differing = (p for p in {*facts, *those} if facts.get(p) != those.get(p))
            first = min(differing, key=lambda path: (path.endswith("/"), path.count("/"), path))
            trouble = f"is here already, and not the same: {first} differs"
    raise StateError(f"{here}: {trouble}", "gage runs rm deletes it, or --runs another")


def _placed(runs: Sequence[Run], home: str) -> list[Run]:
    """Rename *runs* into *home*, all or none; those that were not brought in meanwhile.

    A meta dir comes after its run dir, and a pipeline after its steps. Raises LockedError
    where another import does the same, StateError where something is in the way.
    """
    if not runs:
        return []
    doorway = Run(os.path.join(home, ".import"), "", None)
    try:
        with holding(doorway):
            # Another import may have brought some in meanwhile.
            new = _not_here(_steps_first(runs), home)
            for run in new:
                for part in _BEFORE:
                    _expect_free(run.run_dir + part, os.path.join(home, run.name + part))
            _move(new, home)
            return new
    except LockedError:
        raise LockedError(f"{home}: another import is at its end", "try again") from None


def _move(runs: Sequence[Run], home: str) -> None:
    moved: list[tuple[str, str]] = []

    def move(path: str, to: str) -> None:
        os.rename(path, to)
        moved.append((path, to))

    try:
        for run in runs:
            for part in _BEFORE:
                source, target = run.run_dir + part, os.path.join(home, run.name + part)
                if os.path.lexists(source):
                    if os.path.lexists(target):
                        move(target, os.path.join(run.home, f".before-{run.name}{part}"))
                    move(source, target)
        for sync in {run.sync for run in runs}:
            sync_dir(home, sync)
        for run in runs:
            move(run.meta_dir, os.path.join(home, run.name + ".meta"))
        for sync in {run.sync for run in runs}:
            sync_dir(home, sync)
    except BaseException:
        for path, to in reversed(moved):
            with suppress(OSError):
                os.rename(to, path)
        raise


def _steps_first(runs: Sequence[Run]) -> list[Run]:
    """*runs* in order, but each pipeline after its steps."""
    parents = {run.id: read_fact(run, "parent") or "" for run in runs}

    def depth(run: Run) -> int:
        id, count = run.id, 0
        while id in parents and count < len(parents):
            id, count = parents[id], count + 1
        return count

    return sorted(runs, key=depth, reverse=True)


def _expect_free(source: str, target: str) -> None:
    """Raise StateError where *target* is there, and is not what an import that stopped left.

    Without a meta dir beside it, a directory may be anything: only what is the same to the
    byte is replaced.
    """
    if not os.path.lexists(target):
        return
    try:
        if _tree(source) == _tree(target):
            return
    except OSError:
        pass
    raise StateError(f"{target}: is in the way", "rename it, or delete it")


def _tree(top: str) -> dict[str, str]:
    """Everything below the directory *top*: what a link holds, the digest of a file."""
    found: dict[str, str] = {}
    with Dirs(top) as dirs:
        for place in walk(dirs):
            found[place.path + "/"] = ""
            for entry in place.files:
                path = joined(place.path, entry.name)
                if entry.is_symlink():
                    found[path] = "link to " + os.readlink(entry.name, dir_fd=place.fd)
                    continue
                fd = os.open(entry.name, READ, dir_fd=place.fd)
                try:
                    found[path] = digest_fd(fd, "blake3")
                finally:
                    os.close(fd)
    return found
