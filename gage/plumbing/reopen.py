"""gage-reopen: make a finished run ready for another attempt."""

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import partial

from gage import clock
from gage.attempts import attempt_numbers, forget_ended, keep_attempt
from gage.cli import command, complain, parser_for
from gage.clock import Clock
from gage.command import operation_command
from gage.durable import sync_policy
from gage.errors import LockedError, StateError
from gage.facts import log_action, put_json, remove_fact, unseal_logs
from gage.files_log import FileEvent, append_events, entered
from gage.flags import Resolved, parse_assignment
from gage.locks import holding, is_held
from gage.manifest import DEPENDENCY, GENERATED, RUNTIME, SOURCE
from gage.opdef import OpDef, phases, raw_steps
from gage.operation import open_operation
from gage.progress import Progress, Tell, ignore, unheard
from gage.recorded import (
    given_names,
    recorded_command,
    recorded_config,
    recorded_opdef,
    recorded_project,
)
from gage.removing import remove_files
from gage.renewal import renewed_config
from gage.run import Run, has_fact, open_run
from gage.sealing import unseal
from gage.staged import check_staged
from gage.staging import STAGE_PHASES, Staging, do_phase
from gage.status import expect, run_status

WENT_IN = (SOURCE, DEPENDENCY, RUNTIME)


def reopen_run(
    run: Run,
    given: Mapping[str, str] | None = None,
    *,
    clean: bool = False,
    force_sourcecode: bool = False,
    environ: Mapping[str, str] | None = None,
    progress: Progress = ignore,
    tell: Tell = unheard,
    now: Clock = clock.now,
) -> None:
    """Make *run* staged again; *given* are new values as texts.

    The attempt that ended is kept, and what was generated is still there unless *clean*.
    With *force_sourcecode* the operation and its source code are those of the project now.
    Raises StateError where the run is not finished or its staged files were changed,
    ConfigError for a value that cannot be, LockedError while something of it runs.
    """
    given = given or {}
    with holding(run):
        if is_held(run, "tree"):
            raise LockedError(f"{run}: something that its command started is still running")
        _expect_reopenable(run, given)
        project = recorded_project(run) or os.getcwd()
        if force_sourcecode:
            opdef = open_operation(project, str(run.opref)).opdef
            source = project
        else:
            opdef = recorded_opdef(run)
            source = run.run_dir
            check_staged(run)
        config = renewed_config(run, opdef, source, given)
        if has_fact(run, "proc", "exit"):
            _keep_attempt(run, now)
        remove_fact(run, "staged")
        _put_operation(run, opdef, config)
        gone = [
            t
            for t, wanted in ((GENERATED, clean), *((t, force_sourcecode) for t in WENT_IN))
            if wanted
        ]
        _remove_files(run, gone)
        unseal(run.run_dir, [path for path, type in entered(run).items() if type == GENERATED])
        environ = os.environ if environ is None else environ
        staging = Staging(run, opdef, project, environ, progress, tell, now, {}, anew=False)
        for phase in STAGE_PHASES if force_sourcecode else ("config", "seal"):
            do_phase(phase, staging)
        log_action(run, "reopened", now)


def _expect_reopenable(run: Run, given: Mapping[str, str]) -> None:
    status = run_status(run)
    if status in ("completed", "error") or has_fact(run, "proc", "exit"):
        return
    if status == "pending" and attempt_numbers(run):
        return  # an earlier reopening was stopped on its way
    if status == "staged" and given:
        return
    if status in ("exited", "terminated"):
        raise StateError(f"{run}: not finalized", f"gage-finalize {run}")
    expect(run, "completed", hint=f"gage-exec {run}" if status == "staged" else "")


def _keep_attempt(run: Run, now: Clock) -> None:
    number = keep_attempt(run)
    forget_ended(run)
    unseal_logs(run)
    log_action(run, f"kept attempt {number}", now)


def _put_operation(run: Run, opdef: OpDef, renewed: Resolved) -> None:
    if opdef.data != recorded_opdef(run).data:
        put_json(run, "opdef.json", value=opdef.data)
    if renewed.config != recorded_config(run):
        put_json(run, "config.json", value=renewed.config)
    if renewed.given != given_names(run):
        put_json(run, "given.json", value=renewed.given)
    if "run" in phases(opdef) or raw_steps(opdef):
        recorded = recorded_command(run)
        cmd = operation_command(opdef, renewed.config)
        if cmd.args != recorded.args:
            put_json(run, "proc", "cmd.json", value=cmd.args)
        if (env := {**recorded.env, **cmd.env}) != recorded.env:
            put_json(run, "proc", "env.json", value=env)


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
    reopen_run(
        open_run(args.run_dir, sync=sync_policy(os.environ)),
        dict(map(parse_assignment, args.values)),
        clean=args.clean,
        force_sourcecode=args.force_sourcecode,
        tell=partial(complain, "gage-reopen"),
    )
    return 0
