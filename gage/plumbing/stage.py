"""gage-stage: copy what a run needs into its run dir."""

import argparse
import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from gage import clock
from gage.attempts import attempt_numbers
from gage.cli import command, complain, parser_for
from gage.clock import Clock
from gage.durable import sync_policy
from gage.errors import GageError, StateError
from gage.locks import holding
from gage.opdef import raw_steps
from gage.progress import Progress, Tell, ignore, unheard
from gage.recorded import recorded_config, recorded_opdef, recorded_opref, recorded_project
from gage.run import Run, has_fact, open_run
from gage.staging import STAGE_PHASES, StagePhase, Staging, do_phase
from gage.status import expect


def stage_run(
    run: Run,
    project: str,
    *,
    phases: Collection[StagePhase] = STAGE_PHASES,
    environ: Mapping[str, str] | None = None,
    progress: Progress = ignore,
    tell: Tell = unheard,
    now: Clock = clock.now,
) -> None:
    """Make *run* independent of the directory *project*; *tell* hears what the rule left out.

    ``staged`` is written last: where it exists, staging is complete. Raises StateError
    where the run is not pending, something cannot be copied or a hook fails, ConfigError
    where a value cannot be written, LockedError.
    """
    with holding(run):
        expect(run, "pending", hint=_next_verb(run))
        if attempt_numbers(run):
            raise StateError(f"{run}: being reopened, and not done", f"gage-reopen {run}")
        environ = os.environ if environ is None else environ
        project = os.path.abspath(project)
        staging = Staging(
            *(run, recorded_opdef(run), project, environ, progress, tell, now, {}),
            upstream=_upstream(run),
        )
        for phase in STAGE_PHASES:
            if phase in phases:
                do_phase(phase, staging)
            if phase == "sourcecode" and phase in phases and raw_steps(staging.opdef):
                _stage_steps(staging)


def _next_verb(run: Run) -> str:
    if has_fact(run, "proc", "exit"):
        return f"gage-reopen {run}"
    return f"gage-finalize {run}" if has_fact(run, "started") else f"gage-exec {run}"


def _upstream(run: Run) -> Sequence[str] | None:
    """What a step may take files from now: a pipeline made by hand runs each in its turn."""
    if not has_fact(run, "parent"):
        return None
    from gage.upstream import find_parent, sources

    parent = find_parent(run)
    return sources(run) if parent and not raw_steps(recorded_opdef(parent)) else None


def _stage_steps(staging: Staging) -> None:
    """Begin the runs of all steps of a pipeline, and stage them."""
    from gage.pipeline import in_step
    from gage.step_runs import begin_step, links_of, prepare_steps
    from gage.step_secrets import step_environ

    run, opdef, project, now = staging.run, staging.opdef, staging.project, staging.now
    steps = prepare_steps(
        recorded_opref(run), opdef, recorded_config(run), project, environ=staging.environ
    )
    links = links_of(run, opdef)
    begun = [(step, begin_step(run, step, links, now)) for step in steps]
    for step, step_run in begun:
        try:
            stage_run(
                step_run,
                step.project,
                environ=step_environ(step.named, run, step.prepared.opdef, staging.environ),
                progress=staging.progress,
                tell=staging.tell,
                now=now,
            )
        except GageError as error:
            raise in_step(step.named.name, error) from None


def parser() -> argparse.ArgumentParser:
    """The command line of gage-stage."""
    p = parser_for("gage-stage", "Copy what a run needs into its run dir.")
    p.add_argument("run_dir", metavar="RUN_DIR")
    p.add_argument("-C", dest="project", metavar="PROJECT", help="the directory to stage from")
    p.add_argument(
        "--phase",
        action="append",
        choices=STAGE_PHASES,
        metavar="PHASE",
        help=f"do only this phase: {', '.join(STAGE_PHASES)}",
    )
    p.add_argument("-q", "--quiet", action="store_true", help="do not say what was left out")
    return p


@command("gage-stage")
def main(argv: Sequence[str]) -> int:
    """Stage a run from its project."""
    args = parser().parse_args(argv)
    run = open_run(args.run_dir, sync=sync_policy(os.environ))
    project = args.project or recorded_project(run) or os.getcwd()
    tell = unheard if args.quiet else partial(complain, "gage-stage")
    stage_run(run, project, phases=args.phase or STAGE_PHASES, tell=tell)
    return 0
