"""gage-exec: run the command of a staged run and keep its output."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple, NoReturn

from gage import clock, process_tree
from gage.capture import LINGER, Capture, Ended
from gage.cli import command, complain, parser_for, shell_exit_code
from gage.clock import Clock
from gage.durable import sync_policy
from gage.echo import Echo
from gage.environment import run_environment, secret_values
from gage.errors import LockedError, StartError, StateError, TimedOutError
from gage.exit_note import note_end, reserve_note
from gage.facts import log_action, put_fact
from gage.headroom import AT_END, give_headroom, take_headroom
from gage.identity import write_identity
from gage.locks import take
from gage.output import RUN, OutputFile
from gage.process import (
    NEVER_STARTED,
    NOT_FOUND,
    Child,
    abandon,
    argv_of,
    open_gate,
    reap,
    signal_group,
    start_behind_gate,
)
from gage.process_tree import Tree
from gage.python_name import misnamed_python
from gage.recorded import recorded_command, recorded_config, recorded_opdef
from gage.run import Run, expect_no_others, lock_path, open_run, remove_beside_locks
from gage.secret import kept_secrets, missing_secret
from gage.signals import Stopping, held_back, is_told, passed_on, told_of_children, unheard
from gage.staged import check_staged
from gage.stamps import put_stamp
from gage.status import expect, run_status
from gage.terminal import RawKeyboard, Terminal, copy_size, open_terminal

SCRIPT = f"{RUN}.script"


class Process:
    """The command of a run, under way; start_run makes it.

    ``pid`` is its process ID; ``returncode`` is its exit code once it has ended, -N where
    signal N ended it, and None before; then ``trouble`` holds what went wrong meanwhile.
    """

    def __init__(self, under_way: "_UnderWay") -> None:
        """Wait for what is *under_way* with ``wait``."""
        self.pid = under_way.child.pid
        self.returncode: int | None = None
        self.timed_out = False
        self.trouble: list[str] = []
        self.under_way = under_way
        self.stopping = Stopping(lambda signum: signal_group(under_way.child, signum))
        self._capture: Capture | None = None

    def watch(
        self,
        *,
        echo: bool = False,
        linger: float = LINGER,
        timeout: float | None = None,
        woken: int = -1,
        typed: int = -1,
    ) -> Echo:
        """Say how to wait; *woken* and *typed* are descriptors as Capture takes them."""
        child, output = self.under_way.child, self.under_way.output

        def sink(stream: str, data: memoryview) -> None:
            output.write(stream, data)
            echoed.write(stream, data)

        self._capture = capture = Capture(
            child,
            self.under_way.tree,
            sink,
            self.stopping,
            linger=linger,
            timeout=timeout,
            woken=woken,
            typed=typed,
        )
        echoed = Echo({"o": 1, "e": 2} if echo else {}, capture.tick)
        return echoed

    def wait(self) -> int:
        """Wait until the command has ended and its output is kept; return ``returncode``.

        What it left behind is ended, the end is noted, and the run is free for
        gage-finalize.
        """
        if self.returncode is not None:
            return self.returncode
        if self._capture is None:
            self.watch()
        assert self._capture is not None
        ended = self._capture.run()
        with held_back():
            self.stopping.finish()
            self.timed_out = ended.timed_out
            self.returncode = self._finish(ended)
        return self.returncode

    def _finish(self, ended: Ended) -> int:
        run, child, _, output, lock, now = self.under_way
        code = reap(child)
        give_headroom(run, AT_END)
        # The note counts in this boot only, so what it vouches for may wait for finalize.
        output.close("all" if run.sync == "all" else "none")
        log = [f"ended what the command left behind: {left}" for left in ended.left_behind]
        if ended.timed_out:
            log.append("ended the command: its time was over")
        if complaint := output.complaint():
            self.trouble.append(complaint)
        try:
            note_end(run, code)
        except (OSError, StateError) as error:
            # The code is still ours to give; finalize can be told it.
            why = error.strerror if isinstance(error, OSError) else error.message
            self.trouble.append(f"the end, {code}, could not be noted: {why}")
        _log(run, [*log, *self.trouble, f"the command ended with {code}"], now)
        remove_beside_locks(run, SCRIPT)
        os.close(lock)
        return code


class RunOutput:
    """The output of a run on its way to the disk."""

    def __init__(self, process: Process) -> None:
        """*process* is what start_run gave; waiting for it writes its output."""
        self._process = process

    def wait_and_close(self) -> None:
        """Wait until all output is written."""
        self._process.wait()


class _UnderWay(NamedTuple):
    run: Run
    child: Child
    tree: Tree
    output: OutputFile
    lock: int
    now: Clock


def exec_run(
    run: Run,
    *,
    echo: bool = True,
    pty: bool = False,
    linger: float = LINGER,
    timeout: float | None = None,
    environ: Mapping[str, str] | None = None,
    reaper: bool = False,
    tell: Callable[[str], None] = lambda message: None,
    now: Clock = clock.now,
) -> int:
    """Run the command of the staged *run*, wait, and return its exit code, -N for signal N.

    *echo* passes its output on to ours, *pty* gives it a terminal; *linger* and *timeout*
    are seconds. Signals that reach us are passed on to it, so that this is for the main
    thread. *reaper* lets this process adopt and end what the command left behind; it is for
    a process without other children. *tell* gets what the user should know at the end.

    Raises what start_run does, where the command was not started, and TimedOutError where it
    was ended, and this recorded, because its time was over.
    """
    if reaper:
        process_tree.become_reaper()
    with ExitStack() as stack:
        stack.enter_context(told_of_children())
        with held_back():
            terminal = open_terminal() if pty else None
            process = start_run(run, terminal=terminal, reaper=reaper, environ=environ, now=now)
            keyboard = RawKeyboard() if terminal and terminal.typed else None
            if keyboard:
                stack.callback(keyboard.end)
                keyboard.begin()
            woken = stack.enter_context(_passing_on(process, terminal, keyboard))
            echoed = process.watch(
                echo=echo,
                linger=linger,
                timeout=timeout,
                woken=woken,
                typed=0 if keyboard else -1,
            )
        code = process.wait()
    for trouble in process.trouble:
        tell(f"{run}: {trouble}")
    if echoed.trouble:
        tell(f"the output could not be passed on: {echoed.trouble}; the run has it")
    if code == NOT_FOUND:
        args = recorded_command(run).args
        if trouble := misnamed_python(args, os.environ if environ is None else environ):
            tell(f"{run}: {trouble}")
    if process.timed_out:
        raise TimedOutError(f"{run}: ended after {timeout:g} s: its time was over")
    return code


def start_run(
    run: Run,
    *,
    terminal: Terminal | None = None,
    reaper: bool = False,
    environ: Mapping[str, str] | None = None,
    now: Clock = clock.now,
) -> Process:
    """Start the command of the staged *run*.

    It dies with the thread that called this. *environ* is the caller's environment. Raises
    StateError where the run is not staged or was changed since, others may write to its home,
    or SIGCHLD is ignored, LockedError, ConfigError where *environ* lacks a secret, and
    StartError where the system could not make a process.
    """
    if not is_told():
        raise unheard()
    _expect_staged(run)
    expect_no_others(run.home)
    with ExitStack() as undo:
        lock = take(run, "runner")
        undo.callback(os.close, lock)
        _expect_staged(run)
        write_identity(run)
        check_staged(run)
        _check_secrets(run, os.environ if environ is None else environ)
        env = run_environment(run, os.environ if environ is None else environ)
        secrets = secret_values(run, env)
        argv = argv_of(recorded_command(run).args, lock_path(run, SCRIPT))
        undo.callback(remove_beside_locks, run, SCRIPT)
        strangers = process_tree.children() if reaper else frozenset()
        output = OutputFile(run, RUN, now)
        undo.callback(output.close, "none")
        undo.callback(give_headroom, run)
        take_headroom(run)
        reserve_note(run)
        tree_lock = take(run, "tree")
        try:
            put_stamp(run, "started", now)
            child = _start(run, argv, env, tree_lock, terminal)
        finally:
            os.close(tree_lock)
        undo.pop_all()
    tree = Tree(run, child.pid, reaper, strangers, secrets)
    _log(run, [f"started the command, process {child.pid}"], now)
    return Process(_UnderWay(run, child, tree, output, lock, now))


def open_run_output(run: Run, process: Process) -> RunOutput:
    """The output of the *process* of *run*, which it keeps in ``output/40_run``."""
    return RunOutput(process)


def _expect_staged(run: Run) -> None:
    status = run_status(run)
    if status == "running":
        raise LockedError(f"{run}: another process holds the run", f"gage-status --wait {run}")
    hints = {"pending": f"gage-stage {run}", "exited": f"gage-finalize {run}"}
    if status in ("completed", "error", "terminated"):
        hints[status] = f"gage restart {run}"
    expect(run, "staged", hint=hints.get(status, ""))


def _check_secrets(run: Run, environ: Mapping[str, str]) -> None:
    for name, variable in kept_secrets(recorded_opdef(run), recorded_config(run)).items():
        if not environ.get(variable):
            raise missing_secret(str(run), name, variable)


def _start(
    run: Run, argv: Sequence[str], env: Mapping[str, str], lock: int, terminal: Terminal | None
) -> Child:
    """The command, let through its gate; what fails on the way is noted as the run's end."""
    try:
        child = start_behind_gate(argv, cwd=run.run_dir, env=env, lock=lock, terminal=terminal)
        try:
            put_fact(run, "proc", "lock", text=str(child.pid), end="")
        except BaseException:
            abandon(child)
            raise
    except OSError as error:
        note_end(run, NEVER_STARTED)
        raise StartError(f"{run}: the command could not be started: {error.strerror}") from None
    open_gate(child)
    return child


def _log(run: Run, messages: Sequence[str], now: Clock) -> None:
    try:
        for message in messages:
            log_action(run, message, now)
    except (OSError, StateError):
        pass  # on a full disk, or without its logs, the command still runs, and its end is noted


def _passing_on(
    process: Process, terminal: Terminal | None, keyboard: RawKeyboard | None
) -> AbstractContextManager[int]:
    child, tree = process.under_way.child, process.under_way.tree

    def stopped() -> None:
        signal_group(child, signal.SIGSTOP)
        # The steps of a pipeline have process groups of their own, as jobs of a shell may.
        process_tree.stop_members(tree)
        if keyboard:
            keyboard.end()

    def continued() -> None:
        if keyboard:
            keyboard.begin()
        process_tree.continue_members(tree)
        signal_group(child, signal.SIGCONT)

    def resized() -> None:
        if terminal:
            copy_size(terminal)

    return passed_on(process.stopping, stopped=stopped, continued=continued, resized=resized)


def parser() -> argparse.ArgumentParser:
    """The command line of gage-exec."""
    p = parser_for("gage-exec", "Run the command of a staged run and keep its output.")
    p.add_argument("run_dir", metavar="RUN_DIR")
    add_exec_options(p)
    p.add_argument("--resume", action="store_true", help="be gage-resume: do what is left to do")
    return p


def add_exec_options(p: argparse.ArgumentParser) -> None:
    """Let a command be told how to execute a run."""
    p.add_argument("-q", "--quiet", action="store_true", help="do not pass the output on")
    p.add_argument("--pty", action="store_true", help="give the command a terminal")
    p.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="end the command then")
    p.add_argument(
        "--linger",
        type=_seconds,
        default=LINGER,
        metavar="SECONDS",
        help="how long to wait for what the command left behind",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e9:
        raise ValueError
    return seconds


@command("gage-exec", runner=True)
def main(argv: Sequence[str]) -> int:
    """Run a staged run; answer with its command's exit code."""
    args = parser().parse_args(argv)
    if args.resume:
        _become_resume(args)
    code = exec_run(
        open_run(args.run_dir, sync=sync_policy(os.environ)),
        echo=not args.quiet,
        pty=args.pty,
        linger=args.linger,
        timeout=args.timeout,
        reaper=True,
        tell=lambda message: complain("gage-exec", message),
    )
    return shell_exit_code(code)


def _become_resume(args: argparse.Namespace) -> NoReturn:
    # It composes this verb with others, and so stands above it: no import, but its process.
    words = [
        *(["-q"] if args.quiet else []),
        *(["--pty"] if args.pty else []),
        *([] if args.timeout is None else ["--timeout", str(args.timeout)]),
        *("--linger", str(args.linger), "--", args.run_dir),
    ]
    code = "import sys; from gage.plumbing.resume import main; sys.exit(main())"
    os.execv(sys.executable, [sys.executable, "-P", "-c", code, *words])
