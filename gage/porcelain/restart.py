"""gage restart: run a run again, in place, with the code that it was staged with."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from gage.cli import complain
from gage.durable import sync_policy
from gage.equal_runs import is_unchanged, is_whole
from gage.errors import LockedError
from gage.filters import Filters
from gage.flags import parse_assignment
from gage.given_secrets import secrets_among
from gage.locks import take
from gage.opdef import is_batch
from gage.operation import Operation, Prepared, open_operation
from gage.pipeline import find_links, is_pipeline
from gage.porcelain.asking import DECLINED, confirm, is_possible
from gage.porcelain.choosing import listed, select_one
from gage.porcelain.options import (
    Clean,
    ForceSource,
    Jobs,
    Needed,
    Place,
    Quiet,
    Raw,
    Trust,
    Yes,
    believe,
)
from gage.porcelain.phase import phase
from gage.porcelain.secret_values import shown_words, with_secrets
from gage.porcelain.starting import How, say, start_staged
from gage.porcelain.verbs import finalize_run, reopen_run, stage_run
from gage.recorded import recorded_opdef, recorded_project
from gage.renewal import renew, renew_from
from gage.row import Row
from gage.run import Run, has_fact, open_run, short_name
from gage.secret import hide
from gage.staged import check_before_reopening, is_stripped, was_never_staged
from gage.status import run_status
from gage.step_options import StepOptions
from gage.step_plan import is_behind, plan_steps
from gage.upstream import find_parent

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
    raw: Raw = False,
    trust: Trust = False,
) -> int:
    """Run a run again, in place; with -n from where it failed."""
    believe(trust)
    spec, *values = words
    options = StepOptions(needed, clean, force_sourcecode, jobs or None)
    return restart_run(place, spec, values, How(options, quiet, raw), yes, prog="gage restart")


def restart_run(
    place: Place, spec: str, values: Sequence[str], how: How, yes: bool, prog: str = "gage run"
) -> int:
    """Restart the run that *spec* means with new *values*; returns its exit code.

    That is 11, as of no other runner, where another restart was first: a script may wait for
    it. Raises GageErrors before anything is changed where the run, a step or a value is wrong.
    """
    given = dict(map(parse_assignment, values))
    row = select_one(place.home, listed(place.home, Filters()), spec)
    run = open_run(row.run_dir, sync=sync_policy(os.environ))
    variables = secrets_among(run, given)
    if how.options.force_sourcecode and given and not is_batch(recorded_opdef(run)):
        variables |= secrets_among(_operation_now(run), given)
    given, secrets = hide(given, variables)
    values = shown_words(values, variables)
    environ = {**os.environ, **secrets}
    try:
        # Between the verbs nobody holds the run, and another could begin with it.
        lock = take(run, "restart")
        try:
            return _restart(run, row, given, values, how, yes, prog, environ)
        finally:
            os.close(lock)
    except LockedError as error:
        complain(prog, error.message, error.hint)
        return error.exit_code


def _restart(
    run: Run,
    row: Row,
    given: dict[str, str],
    values: Sequence[str],
    how: How,
    yes: bool,
    prog: str,
    environ: Mapping[str, str],
) -> int:
    status = run_status(run)
    if status == "running":
        raise LockedError(f"{short_name(run)}: still running", f"gage runs stop {short_name(run)}")
    parent = find_parent(run)
    if parent and run_status(parent) == "running":
        raise LockedError(f"{short_name(run)}: a step of {short_name(parent)}, which is running")
    changes = bool(given) or how.options.clean or how.options.force_sourcecode
    if status == "pending" and was_never_staged(run):
        # Its staging was stopped, and nothing of it was run: it is staged now.
        project = recorded_project(run) or os.getcwd()
        remarks: list[str] = []
        with phase(f"staging {row.operation}", how.quiet) as progress:
            stage_run(run, project, environ=environ, progress=progress, tell=remarks.append)
        say(remarks, how.quiet, prog)
        status = "staged"
    if status == "staged" and not changes:
        return _start(run, parent, values, how, prog, environ)
    target = _check(run, given, how.options, environ)
    if status == "completed" and _is_as_it_would_be(run, given, how.options):
        if not how.quiet:
            complain(prog, f"not needed: {row.id} is completed, and nothing changed")
        return 0
    if is_possible() and not yes:
        what = f"{row.operation} {short_name(run)} {' '.join(values)}".rstrip()
        of = f", a step of {parent.opref} {short_name(parent)}" if parent else ""
        if not confirm(f"Restart {what}{of}?", default=True):
            return DECLINED
    environ = with_secrets(environ, run, target, completed=not how.options.needed)
    remarks = []
    with phase(f"reopening {row.operation}", how.quiet) as progress:
        if has_fact(run, "started") and not has_fact(run, "proc", "exit"):
            finalize_run(run, environ=environ, tell=remarks.append)
        reopen_run(
            run,
            given,
            clean=how.options.clean,
            force_sourcecode=how.options.force_sourcecode,
            environ=environ,
            progress=progress,
            tell=remarks.append,
        )
    say(remarks, how.quiet, prog)
    return _start(run, parent, values, how, prog, environ)


def _start(
    run: Run,
    parent: Run | None,
    values: Sequence[str],
    how: How,
    prog: str,
    environ: Mapping[str, str],
) -> int:
    code = start_staged(run, how, prog, environ)
    # Who restarts the newest run after a pipeline has failed may have meant the pipeline.
    if code == 0 and parent and sys.stderr.isatty() and run_status(parent) != "completed":
        import shlex

        whole = f"{parent.opref} {short_name(parent)}"
        again = ["gage", "restart", short_name(parent), "--needed"]
        hint = shlex.join([*again, *_values_for_step(parent, run, values)])
        complain(prog, f"{short_name(run)} is a step of {whole}, which goes on with", hint)
    return code


def _values_for_step(parent: Run, run: Run, values: Sequence[str]) -> list[str]:
    """*values* of *run* as its pipeline takes them, which would else give it its own."""
    links = find_links(parent) if values else []
    step = next((link.name for link in links if os.path.basename(link.run_dir) == run.name), "")
    return [f"{step}:{value}" for value in values if step]


def _check(
    run: Run, given: dict[str, str], options: StepOptions, environ: Mapping[str, str]
) -> Prepared:
    """What *run* becomes; what is wrong with a step or a value is found while it is as it was."""
    opdef = recorded_opdef(run)
    anew = options.force_sourcecode or is_stripped(run)
    if anew and not is_batch(opdef):
        target = renew_from(run, _operation_now(run), given)
    else:
        check_before_reopening(run)
        target = renew(run, given)
    if is_pipeline(target.opdef):
        force = options.force_sourcecode
        plan_steps(run, target, needed=options.needed, force_sourcecode=force, environ=environ)
    return target


def _operation_now(run: Run) -> Operation:
    return open_operation(recorded_project(run) or os.getcwd(), str(run.opref))


def _is_as_it_would_be(run: Run, given: dict[str, str], options: StepOptions) -> bool:
    """Whether ``--needed`` leaves the completed *run* alone, with all its steps."""
    if not options.needed or options.force_sourcecode:
        return False
    return is_unchanged(run, given) and not is_behind(run) and is_whole(run)
