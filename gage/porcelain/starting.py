"""A staged run on its way, from its command's start to its last fact, as people see it."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

from gage import clock
from gage.cli import complain, shell_exit_code
from gage.errors import StartError, SystemRefusedError
from gage.porcelain.phase import phase
from gage.porcelain.secret_values import with_secrets
from gage.porcelain.verbs import exec_run, finalize_run
from gage.run import Run, has_fact, short_name
from gage.shown import shown_line
from gage.status import exit_note
from gage.step_options import AS_USUAL, VARIABLE, StepOptions, format_options
from gage.upstream import take_anew


class How(NamedTuple):
    """How to start: *options* are for the steps of a pipeline, whose output is passed on as
    it comes with *raw*, and on a terminal is watched without.
    """

    options: StepOptions = AS_USUAL
    quiet: bool = False
    raw: bool = False


def start_staged(
    run: Run, how: How, prog: str = "gage run", environ: Mapping[str, str] | None = None
) -> int:
    """Execute and finalize the staged *run*; returns the exit code as a shell has it.

    *environ* is our environment, with secrets that were given. Raises ConfigError for a
    secret that is nowhere.
    """
    environ = os.environ if environ is None else environ
    outer = with_secrets(environ, run, completed=not how.options.needed)
    environ = {**outer, VARIABLE: format_options(how.options)}
    if has_fact(run, "parent"):
        take_anew(run, environ=outer, tell=partial(complain, prog), now=clock.now)
    is_viewed = _is_viewed(run, how)
    remarks: list[str] = []
    try:
        with _viewed(run) if is_viewed else nullcontext():
            code = exec_run(
                run,
                echo=not how.quiet and not is_viewed,
                reaper=True,
                environ=environ,
                tell=remarks.append,
            )
    except StartError:
        # The command was not, and the run was: it has an end to be recorded.
        _finalize(run, how, prog, outer, None)
        raise
    say(remarks, prog=prog)
    # Told, and not looked up: it is known here though it could not be noted.
    _finalize(run, how, prog, outer, code)
    if is_viewed:
        _show_end(run)
    elif not how.quiet:
        _say_end(run, code)
    return shell_exit_code(code)


def say(remarks: Sequence[str], quiet: bool = False, prog: str = "gage run") -> None:
    """Say what the verbs had to tell, unless nobody wants to hear it."""
    for line in remarks if not quiet else ():
        complain(prog, line)


def _finalize(run: Run, how: How, prog: str, environ: Mapping[str, str], code: int | None) -> None:
    remarks: list[str] = []
    try:
        with phase("finalizing", how.quiet) as progress:
            finalize_run(run, code, environ=environ, progress=progress, tell=remarks.append)
    except SystemRefusedError as error:
        # The command did run: its code is the answer, as long as the run can tell it, too.
        if exit_note(run) is None and not has_fact(run, "proc", "exit"):
            raise
        complain(prog, error.message, error.hint)
    except ImportError as error:
        # What was installed when the command started is not there any more.
        message = f"{run}: not finalized: gage itself was changed meanwhile: {error}"
        complain(prog, message, f"gage-finalize {run}")
    say(remarks, prog=prog)


def _is_viewed(run: Run, how: How) -> bool:
    if how.quiet or how.raw or not (sys.stdout.isatty() and sys.stderr.isatty()):
        return False
    from gage.porcelain.viewer import is_wanted

    return is_wanted(run)


def _viewed(run: Run) -> AbstractContextManager[None]:
    from gage.porcelain.viewer import viewed

    return viewed(run)


def _show_end(run: Run) -> None:
    from gage.porcelain.ending import write_ending

    try:
        write_ending(run, sys.stderr)
    except OSError:
        pass  # the terminal has gone, and nobody is there to be told


def _say_end(run: Run, code: int) -> None:
    # On a terminal the run's ID is what a person needs next; a pipe gets the output alone.
    if sys.stderr.isatty():
        sys.stderr.write(f"gage: {shown_line(short_name(run))} {_outcome(code)}\n")


def _outcome(code: int) -> str:
    if code < 0:
        return f"terminated by {signal.Signals(-code).name}"
    return f"ended with exit code {code}" if code else "completed"
