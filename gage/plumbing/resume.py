"""gage-resume: bring a run to its end, from wherever it was left.

It composes stage, exec, finalize and reopen, as gage-run-steps does; what is left to do is
told by the facts alone, so that it can be killed at any moment and called again.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import partial

from gage import clock
from gage.attempts import attempt_numbers
from gage.capture import LINGER
from gage.cli import command, complain, parser_for, shell_exit_code
from gage.clock import Clock
from gage.durable import sync_policy
from gage.errors import LockedError
from gage.locks import take
from gage.plumbing.exec import add_exec_options, exec_run
from gage.plumbing.finalize import finalize_run
from gage.plumbing.reopen import reopen_run
from gage.plumbing.stage import stage_run
from gage.progress import Tell, unheard
from gage.recorded import recorded_project
from gage.run import Run, has_fact, open_run, read_fact
from gage.staged import was_never_staged
from gage.status import exit_note, expect, run_status
from gage.step_options import VARIABLE, StepOptions, format_options

PROG = "gage-resume"


def resume_run(
    run: Run,
    *,
    once: bool = False,
    echo: bool = True,
    pty: bool = False,
    linger: float = LINGER,
    timeout: float | None = None,
    environ: Mapping[str, str] | None = None,
    tell: Tell = unheard,
    now: Clock = clock.now,
) -> int:
    """Do what is left to do for *run*, and return the exit code of its command, -N for signal N.

    With *once* a command that ended by itself is not run again. The other options are those
    of exec_run. Raises LockedError where another is at the run, and whatever the verbs raise.
    """
    environ = os.environ if environ is None else environ
    # The lock that gage restart takes, too: between the verbs nobody else holds the run.
    lock = take(run, "restart")
    try:
        code = _made_staged(run, once, environ, tell, now)
        if code is not None:
            return code
        if has_fact(run, "parent"):
            from gage.upstream import take_anew

            take_anew(run, environ=environ, tell=tell, now=now)
        if attempt_numbers(run):
            # A pipeline that is taken up leaves steps alone that are done.
            environ = {VARIABLE: format_options(StepOptions(needed=True)), **environ}
        try:
            code = exec_run(
                run,
                echo=echo,
                pty=pty,
                linger=linger,
                timeout=timeout,
                environ=environ,
                reaper=True,
                tell=tell,
                now=now,
            )
        except Exception:
            # The command was ended, or could not be started: that is recorded, too.
            if run_status(run) in ("exited", "terminated"):
                finalize_run(run, environ=environ, tell=tell, now=now)
            raise
        finalize_run(run, code, environ=environ, tell=tell, now=now)
        return code
    finally:
        os.close(lock)


def _made_staged(
    run: Run, once: bool, environ: Mapping[str, str], tell: Tell, now: Clock
) -> int | None:
    """Make *run* ready to be executed; returns its exit code where that need not be."""
    status = run_status(run)
    if status == "running":
        raise LockedError(f"{run}: another process holds the run", f"gage-status --wait {run}")
    if status == "unknown":
        expect(run, "staged")
    if has_fact(run, "parent"):
        from gage.upstream import expect_idle_parent

        expect_idle_parent(run)
    ended = has_fact(run, "proc", "exit")
    left_over = ended and (has_fact(run, "proc", "lock") or exit_note(run) is not None)
    if left_over or (status in ("exited", "terminated") and not ended):
        finalize_run(run, environ=environ, tell=tell, now=now)
        status = run_status(run)
    if status == "completed" or (once and status == "error"):
        return int(read_fact(run, "proc", "exit") or 0)
    if status == "pending" and was_never_staged(run):
        stage_run(run, recorded_project(run) or os.getcwd(), environ=environ, tell=tell, now=now)
    elif status != "staged":
        reopen_run(run, environ=environ, tell=tell, now=now)
    return None


def parser() -> argparse.ArgumentParser:
    """The command line of gage-resume."""
    p = parser_for(PROG, "Bring a run to its end, from wherever it was left.")
    p.add_argument("run_dir", metavar="RUN_DIR")
    add_exec_options(p)
    p.add_argument("--once", action="store_true", help="not again what ended by itself")
    return p


@command(PROG, runner=True)
def main(argv: Sequence[str]) -> int:
    """Resume a run; answer with its command's exit code."""
    args = parser().parse_args(argv)
    try:
        code = resume_run(
            open_run(args.run_dir, sync=sync_policy(os.environ)),
            once=args.once,
            echo=not args.quiet,
            pty=args.pty,
            linger=args.linger,
            timeout=args.timeout,
            tell=partial(complain, PROG),
        )
    except LockedError as error:
        if args.quiet:
            return error.exit_code
        raise
    return shell_exit_code(code)
