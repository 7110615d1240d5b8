"""Equal runs: those into which the same went, told by their fingerprints."""

from collections.abc import Iterable, Mapping

from gage.errors import GageError
from gage.fingerprint import run_fingerprint
from gage.listing import Row
from gage.recorded import recorded_config, recorded_opdef
from gage.renewal import renewed_config
from gage.run import Run, open_run
from gage.scalar import same


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
