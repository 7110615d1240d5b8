"""Equal runs: those into which the same went, told by their fingerprints and variables.

Into a pipeline went what went into its steps; what these took from one another follows from
that, and is not there yet when the pipeline has not run.
"""

import os
from collections.abc import Iterable, Mapping

from gage.dirs import Dirs
from gage.errors import GageError
from gage.files_log import read_events
from gage.fingerprint import fingerprint, run_fingerprint
from gage.manifest import GENERATED, read_manifest
from gage.opdef import is_batch
from gage.pipeline import is_pipeline, linked_run, named_steps, step_links
from gage.recorded import (
    recorded_command,
    recorded_config,
    recorded_dependencies,
    recorded_opdef,
    recorded_opref,
)
from gage.renewal import renew
from gage.row import Row
from gage.run import Run, open_run
from gage.scalar import format_value, same
from gage.staged import is_same
from gage.upstream import takes_from_runs

Inputs = tuple[object, ...]


def find_equal(run: Run, rows: Iterable[Row]) -> Run | None:
    """The first completed run of *rows* into which the same went as into the staged *run*."""
    wanted = None
    for row in rows:
        if row.status != "completed" or row.id == run.id or row.opref != run.opref:
            continue
        wanted = wanted or _inputs(run)
        try:
            other = open_run(row.run_dir, sync=run.sync)
            if wanted and _inputs(other) == wanted and is_whole(other):
                return other
        except (GageError, OSError):
            continue  # a damaged run equals none
    return None


def is_whole(run: Run) -> bool:
    """Whether what *run*, and its steps, generated is there as it was when it was finalized.

    Files that were not written since, by their time, are not read.
    """
    written = {event.path: event.mtime for event in read_events(run) if event.event != "d"}
    with Dirs(run.run_dir) as dirs:
        for entry in read_manifest(run):
            if entry.type != GENERATED:
                continue
            folder, _, name = entry.path.rpartition("/")
            try:
                status = os.stat(name, dir_fd=dirs.fd(folder), follow_symlinks=False)
            except OSError:
                return False
            if status.st_mtime_ns // 1000 != written.get(entry.path) and not is_same(dirs, entry):
                return False
    opdef = recorded_opdef(run)
    links = step_links(run, named_steps(opdef)) if is_pipeline(opdef) else []
    steps = [linked_run(run, link) for link in links]
    return all(step is not None and is_whole(step) for step in steps)


def is_unchanged(run: Run, given: Mapping[str, str]) -> bool:
    """Whether the values *given*, texts, are those that *run* has. Raises ConfigError."""
    return not changed_values(run, given)


def changed_values(run: Run, given: Mapping[str, str]) -> dict[str, str]:
    """The values of *given*, texts, that *run* has not, as texts. Raises ConfigError."""
    recorded = recorded_config(run)
    return {
        name: format_value(value)
        for name, value in renew(run, given).config.items()
        if name not in recorded or not same(recorded[name], value)
    }


def _inputs(run: Run) -> Inputs | None:
    """What went into *run*; None where that cannot be told before it runs."""
    opdef = recorded_opdef(run)
    if not is_pipeline(opdef):
        return run_fingerprint(run), _variables(run)
    inputs: list[object] = [run_fingerprint(run), _variables(run)]
    for link in step_links(run, named_steps(opdef)):
        step = linked_run(run, link)
        of_step = step and _inputs_of_step(step, is_trial=is_batch(opdef))
        if not of_step:
            return None
        inputs.append((link.name, of_step))
    return tuple(inputs)


def _inputs_of_step(run: Run, *, is_trial: bool) -> Inputs | None:
    opdef = recorded_opdef(run)
    if takes_from_runs(opdef) and (is_trial or not opdef.data.get("isolate-runs", True)):
        return None
    if is_pipeline(opdef):
        return _inputs(run)
    later = {record["path"] for record in recorded_dependencies(run) if "run" in record}
    entries = [entry for entry in read_manifest(run) if entry.path not in later]
    args = recorded_command(run).args
    found = fingerprint(recorded_opref(run), args, recorded_config(run), entries)
    return found, _variables(run)


def _variables(run: Run) -> tuple[tuple[str, str], ...]:
    """What ``env`` of the operation sets, of which a fingerprint does not tell."""
    return tuple(sorted(recorded_command(run).env.items()))
