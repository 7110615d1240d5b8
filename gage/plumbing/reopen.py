"""gage-reopen: make a finished run ready for another attempt."""

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import partial

from gage import clock
from gage.attempts import forget_ended, keep_attempt
from gage.cli import command, complain, parser_for
from gage.clock import Clock
from gage.durable import sync_policy
from gage.errors import StateError
from gage.facts import expect_own_folders, log_action, put_json, remove_fact, unseal_logs
from gage.files_log import FileEvent, append_events, entered
from gage.flags import parse_assignment
from gage.given_secrets import secrets_among
from gage.locks import holding
from gage.manifest import DEPENDENCY, GENERATED, RUNTIME, SOURCE
from gage.opdef import OpDef, is_batch
from gage.operation import Prepared, open_operation
from gage.process_tree import check_no_survivors
from gage.progress import Progress, Tell, ignore, unheard
from gage.recorded import (
    given_names,
    recorded_command,
    recorded_config,
    recorded_opdef,
    recorded_project,
)
from gage.removing import remove_files
from gage.renewal import renew, renew_from
from gage.run import Run, has_fact, open_run
from gage.run_files import walk_run_dir
from gage.sealing import unseal
from gage.secret import hide, masked
from gage.staged import check_before_reopening, is_stripped, was_never_staged
from gage.staging import STAGE_PHASES, Staging, do_phase, source_files
from gage.status import expect
from gage.step import Step

WENT_IN = (SOURCE, DEPENDENCY, RUNTIME)


def reopen_run(
    run: Run,
    given: Mapping[str, str] | None = None,
    *,
    clean: bool = False,
    force_sourcecode: bool = False,
    step: Step | None = None,
    environ: Mapping[str, str] | None = None,
    progress: Progress = ignore,
    tell: Tell = unheard,
    now: Clock = clock.now,
) -> None:
    """Make *run* staged again; *given* are new values as texts.

    The attempt that ended is kept, and what was generated is still there unless *clean*.
    With *force_sourcecode*, and where a reopening with it was stopped, the operation and its
    source code are those of the project now, and of the run of a pipeline's *step* all values
    are those *given*. Raises StateError where the run is not finished, its staged files were
    changed or those of the project cannot be taken, ConfigError for a value that cannot be,
    LockedError while something of it runs.
    """
    given = given or {}
    with holding(run):
        check_no_survivors(run)
        expect_own_folders(run)
        _expect_reopenable(run, changes=bool(given) or clean or force_sourcecode)
        project = recorded_project(run) or os.getcwd()
        stripped = is_stripped(run)
        anew = stripped or (force_sourcecode and not is_batch(recorded_opdef(run)))
        if anew:
            operation = open_operation(project, str(run.opref))
            project = operation.project
            renewed = renew_from(run, operation, given, step)
            _expect_stageable(run, renewed.opdef, project, clean=clean)
        else:
            check_before_reopening(run)
            renewed = renew(run, given)
        if has_fact(run, "proc", "exit"):
            _keep_attempt(run, now)
        else:
            forget_ended(run)  # what a reopening that was stopped has left of it
        if anew:
            # From here on nothing but staging it all makes this a run that can be started.
            remove_fact(run, "manifest")
        if stripped:
            _remove_left_over(run)
        _put_operation(run, renewed)
        gone = [t for t, wanted in ((GENERATED, clean), *((t, anew) for t in WENT_IN)) if wanted]
        _remove_files(run, gone)
        unseal(run.run_dir, [path for path, type in entered(run).items() if type == GENERATED])
        environ = os.environ if environ is None else environ
        staging = Staging(run, renewed.opdef, project, environ, progress, tell, now, {}, anew=False)
        for phase in STAGE_PHASES if anew else ("config", "seal"):
            do_phase(phase, staging)
        log_action(run, "reopened", now)


def _expect_reopenable(run: Run, *, changes: bool) -> None:
    if not run.id or run.opref is None:
        expect(run, "completed")
    # We hold the lock, which to a status is that the run is running.
    if has_fact(run, "proc", "exit"):
        return
    if has_fact(run, "started"):
        raise StateError(f"{run}: not finalized", f"gage-finalize {run}")
    if has_fact(run, "staged"):
        if not changes:
            raise StateError(f"{run}: already staged", f"gage-exec {run}")
    elif was_never_staged(run):  # else an earlier reopening was stopped on its way
        raise StateError(f"{run}: not staged yet", f"gage-stage {run}")


def _keep_attempt(run: Run, now: Clock) -> None:
    number = keep_attempt(run)
    forget_ended(run)
    unseal_logs(run)
    log_action(run, f"kept attempt {number}", now)


def _put_operation(run: Run, renewed: Prepared) -> None:
    if renewed.opdef.data != recorded_opdef(run).data:
        put_json(run, "opdef.json", value=renewed.opdef.data)
    config = masked(renewed.opdef, renewed.config)
    if config != recorded_config(run):
        put_json(run, "config.json", value=config)
    if renewed.given != given_names(run):
        put_json(run, "given.json", value=renewed.given)
    recorded = recorded_command(run)
    if renewed.cmd.args != recorded.args:
        put_json(run, "proc", "cmd.json", value=renewed.cmd.args)
    if renewed.cmd.env != recorded.env:
        put_json(run, "proc", "env.json", value=renewed.cmd.env)


def _expect_stageable(run: Run, opdef: OpDef, project: str, *, clean: bool) -> None:
    """Raise StateError for what cannot be staged, while all is as it was."""
    kept = set() if clean else {path for path, type in entered(run).items() if type == GENERATED}
    for source in source_files(opdef, project, runs_home=run.home).sources:
        if source.path in kept:
            raise StateError(
                f"{run}: {source.path}: source code now, and the run generated one of that name",
                "--clean removes what was generated",
            )


def _remove_left_over(run: Run) -> None:
    """Remove what a staging that was stopped copied, and no log tells of."""
    known = entered(run)
    left = [file.path for file in walk_run_dir(run.run_dir) if file.path not in known]
    remove_files(run.run_dir, left)


def _remove_files(run: Run, types: Sequence[str]) -> None:
    """Remove the files of these types from the run dir, and directories that are then empty."""
    paths = [path for path, type in entered(run).items() if type in types]
    remove_files(run.run_dir, paths)
    types_of = entered(run)
    append_events(run, [FileEvent("d", types_of[path], None, path) for path in paths])


def parser() -> argparse.ArgumentParser:
    """The command line of gage-reopen."""
    p = parser_for("gage-reopen", "Make a finished run ready for another attempt.")
    p.add_argument("run_dir", metavar="RUN_DIR")
    p.add_argument("values", metavar="NAME=VALUE", nargs="*", help="values to change")
    p.add_argument("--clean", action="store_true", help="remove what the run generated")
    p.add_argument("--force-sourcecode", action="store_true", help="stage the project as it is now")
    return p


@command("gage-reopen")
def main(argv: Sequence[str]) -> int:
    """Reopen a run."""
    args = parser().parse_intermixed_args(argv)
    run = open_run(args.run_dir, sync=sync_policy(os.environ))
    given = dict(map(parse_assignment, args.values))
    given, _ = hide(given, secrets_among(run, given))
    if has_fact(run, "parent"):
        from gage.upstream import expect_idle_parent

        expect_idle_parent(run)
    reopen_run(
        run,
        given,
        clean=args.clean,
        force_sourcecode=args.force_sourcecode,
        tell=partial(complain, "gage-reopen"),
    )
    return 0
