"""Equal runs: those into which the same went, told by their fingerprints."""

from collections.abc import Iterable, Mapping

from gage.errors import GageError
from gage.listing import Row
from gage.manifest import fingerprint, read_manifest
from gage.recorded import recorded_command, recorded_config, recorded_opdef
from gage.renewal import renewed_config
from gage.run import Run, open_run
from gage.scalar import same


def run_fingerprint(run: Run) -> str:
    """The fingerprint of a staged run: 64 hex digits. Raises StateError for a damaged one."""
    assert run.opref is not None
    command = recorded_command(run).args
    return fingerprint(run.opref, command, recorded_config(run), read_manifest(run))


def find_equal(run: Run, rows: Iterable[Row]) -> Run | None:
    """The first completed run of *rows* into which the same went as into the staged *run*."""
    wanted = run_fingerprint(run)
    for row in rows:
        if row.status != "completed" or row.id == run.id or row.opref != run.opref:
            continue
        try:
            other = open_run(row.run_dir, sync=run.sync)
            if run_fingerprint(other) == wanted:
                return other
        except (GageError, OSError):
            continue  # a damaged run equals none
    return None


def is_unchanged(run: Run, given: Mapping[str, str]) -> bool:
    """Whether the values *given*, texts, are those that *run* has. Raises ConfigError."""
    renewed = renewed_config(run, recorded_opdef(run), run.run_dir, given).config
    recorded = recorded_config(run)
    return all(name in recorded and same(recorded[name], renewed[name]) for name in renewed)
