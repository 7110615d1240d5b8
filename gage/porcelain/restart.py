"""gage restart: take a run up again, in place, with the code that it was staged with."""

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from gage.cli import complain
from gage.durable import sync_policy
from gage.equal_runs import is_unchanged
from gage.errors import LockedError
from gage.filters import Filters
from gage.flags import parse_assignment
from gage.pipeline import is_pipeline
from gage.plumbing.finalize import finalize_run
from gage.plumbing.reopen import reopen_run
from gage.porcelain.asking import confirm, is_possible
from gage.porcelain.choosing import chosen_one
from gage.porcelain.options import Clean, ForceSource, Jobs, Needed, Place, Quiet, Yes
from gage.porcelain.phase import phase
from gage.porcelain.starting import How, say, start_staged
from gage.recorded import recorded_opdef
from gage.renewal import renewed_config
from gage.run import Run, has_fact, open_run
from gage.status import run_status
from gage.step_options import StepOptions
from gage.step_plan import plan_steps

Words = Annotated[list[str], typer.Argument(metavar="RUN [NAME=VALUE]...", show_default=False)]


def restart(
    place: Place,
    words: Words,
    yes: Yes = False,
    needed: Needed = False,
    clean: Clean = False,
    force_sourcecode: ForceSource = False,
    jobs: Jobs = 0,
    quiet: Quiet = False,
) -> int:
    """Restart a run in place: a pipeline takes up where it failed."""
    spec, *values = words
    options = StepOptions(needed, clean, force_sourcecode, jobs or None)
    return restart_run(place, spec, values, How(options, quiet), yes, prog="gage restart")


def restart_run(
    place: Place, spec: str, values: Sequence[str], how: How, yes: bool, prog: str = "gage run"
) -> int:
    """Restart the run that *spec* means with new *values*; returns its exit code.

    Raises GageErrors before anything is changed where the run, a step or a value is wrong.
    """
    given = dict(map(parse_assignment, values))
    row = chosen_one(place.home, spec, Filters())
    run = open_run(row.run_dir, sync=sync_policy(os.environ))
    status = run_status(run)
    if status == "running":
        raise LockedError(f"{row.id[:8]}: still running", f"gage runs stop {row.id[:8]}")
    if status == "staged" and not given:
        return start_staged(run, how, prog)
    _check(run, given, how.options)
    alone = not is_pipeline(recorded_opdef(run))
    if how.options.needed and alone and status == "completed" and is_unchanged(run, given):
        if not how.quiet:
            complain(prog, f"not needed: {row.id} is completed, and nothing changed")
        return 0
    if is_possible() and not yes:
        question = f"Restart {row.operation} {row.id[:8]} {' '.join(values)}".rstrip() + "?"
        if not confirm(question, default=True):
            return 0
    remarks: list[str] = []
    with phase(f"reopening {row.operation}", how.quiet) as progress:
        if has_fact(run, "started") and not has_fact(run, "proc", "exit"):
            finalize_run(run, tell=remarks.append)
        reopen_run(
            run,
            given,
            clean=how.options.clean,
            force_sourcecode=how.options.force_sourcecode,
            progress=progress,
            tell=remarks.append,
        )
    say(remarks, how.quiet, prog)
    return start_staged(run, how, prog)


def _check(run: Run, given: dict[str, str], options: StepOptions) -> None:
    """Find what is wrong with a step or a value while the run is still as it was."""
    if options.force_sourcecode:
        return  # the steps and their values are then those of the project
    opdef = recorded_opdef(run)
    config = renewed_config(run, opdef, run.run_dir, given).config
    if is_pipeline(opdef):
        plan_steps(run, config, needed=options.needed)
