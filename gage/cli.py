"""The edge of every command: streams, errors and exit codes, the same for all.

Nothing below it prints a message, exits, or catches what it cannot mend.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import NoReturn, TextIO

from gage.errors import (
    GageError,
    LockedError,
    StartError,
    SystemRefusedError,
    TimedOutError,
    UsageError,
    refused,
)
from gage.shown import shown, shown_line

INTERRUPTED = 130
READER_GONE = 141
FAULT = 3


def command(
    prog: str, *, runner: bool = False
) -> Callable[[Callable[[Sequence[str]], int]], Callable[..., int]]:
    """Make ``main(argv) -> exit code`` the entry point of the executable *prog*.

    A *runner* answers with the exit code of what it ran, so that its own troubles, usage
    included, are 125, as env(1) does; only that another process holds the run is 11.
    """

    def decorate(main: Callable[[Sequence[str]], int]) -> Callable[..., int]:
        @wraps(main)
        def entry(argv: Sequence[str] | None = None) -> int:
            if argv is None:
                begin()
            open_standard_streams()
            if argv is None:
                leave(guarded(prog, lambda: main(sys.argv[1:]), runner))
            return guarded(prog, lambda: main(argv), runner)

        return entry

    return decorate


def guarded(prog: str, work: Callable[[], int], runner: bool = False) -> int:
    """The exit code of *work*, with every trouble turned into a message and its own code."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return READER_GONE
    except SystemExit as exit:
        if runner and exit.code == UsageError.exit_code:
            return StartError.exit_code
        try:
            sys.stdout.flush()  # argparse prints its help, and exits
        except BrokenPipeError:
            _drop_output()
            return READER_GONE
        except OSError as error:
            return _refusal(prog, error, runner)
        raise
    except GageError as error:
        complain(prog, error.message, error.hint)
        # That another is at work on a run says nothing against it: to be tried again.
        own = isinstance(error, (TimedOutError, LockedError)) or not runner
        return error.exit_code if own else StartError.exit_code
    except OSError as error:
        return _refusal(prog, error, runner)
    except MemoryError:
        complain(prog, "out of memory")
        return StartError.exit_code if runner else SystemRefusedError.exit_code
    except Exception:
        import traceback

        traceback.print_exc()
        complain(prog, "this is a fault of gage; please report it with the lines above")
        return StartError.exit_code if runner else FAULT


def leave(code: int) -> NoReturn:
    """End the program with *code*, at once, when all that it printed is written.

    What the interpreter would take apart piece by piece, for up to a fifth of the time of a
    small command, the kernel frees anyway.
    """
    _drop_output()
    os._exit(code)


def _drop_output() -> None:
    """Write what was printed; what cannot be written goes nowhere, and is not tried again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def shell_exit_code(returncode: int) -> int:
    """What a shell makes of *returncode*: 128+N for a command that signal N ended (-N)."""
    return 128 - returncode if returncode < 0 else returncode


def _refusal(prog: str, error: OSError, runner: bool) -> int:
    trouble = refused(error)
    complain(prog, trouble.message, trouble.hint)
    _drop_output()
    return StartError.exit_code if runner else SystemRefusedError.exit_code


def complain(prog: str, message: str, hint: str = "") -> None:
    """Say what is wrong on standard error, as ``PROG: MESSAGE`` and ``hint: HINT``."""
    lines = f"{prog}: {said(message)}\n" + (f"hint: {said(hint)}\n" if hint else "")
    try:
        sys.stderr.write(lines)
        sys.stderr.flush()
    except OSError:
        pass  # nobody is there to be told


def said(text: str) -> str:
    """*text* as it is said to a person: shown, with all its lines but the first indented.

    A name with a newline in it cannot make a line that looks like one of ours.
    """
    first, *more = shown(text).split("\n")
    return "\n".join([first, *("  " + line.removeprefix("  ") for line in more)])


def begin() -> None:
    """Make the process one of gage's, whoever started it."""
    import signal

    # Ignored, which a child inherits, it would hide how what we start ends.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    speak_utf8()


def speak_utf8() -> None:
    """Start this program again where names of files would not be UTF-8 to Python.

    What a gage file names could not be named on the disk, or under another name.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        # Not by a variable: what we run shall find the environment that we found.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def open_standard_streams() -> None:
    """Make descriptors 0 to 2 open, and names of files pass through as the bytes they are.

    A descriptor that was closed would be given to the next file that is opened, and what
    is printed would end in it.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = _stream(sys.stdout, 1)
    sys.stderr = _stream(sys.stderr, 2)


def _stream(stream: TextIO | None, fd: int) -> TextIO:
    if stream is None:
        return open(fd, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    return stream


def parser_for(prog: str, summary: str, **options: object) -> argparse.ArgumentParser:
    """An argument parser as every plumbing command has it: no abbreviations, usage first."""
    return _Parser(
        prog=prog,
        description=summary,
        allow_abbrev=False,
        epilog=f"See {prog}(1): gage help {prog.removeprefix('gage-')}",
        # Without a width argparse imports shutil, and all that this knows of archives, at once.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=78),
        **options,  # type: ignore[arg-type]
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        hint = self._hint(message)
        self.exit(2, f"{self.prog}: error: {said(message)}\n" + (f"hint: {hint}\n" if hint else ""))

    def _hint(self, message: str) -> str:
        """For an option that there is not: the nearest one."""
        before, _, words = message.partition("unrecognized arguments: ")
        if before or not words.startswith("--"):
            return ""
        from gage.nearest import nearest

        near = nearest(words.split()[0].partition("=")[0], self._option_string_actions, 1)
        return f"did you mean {near[0]}?" if near else ""


def add_run_dirs(to: argparse.ArgumentParser) -> None:
    """Let a command take run dirs as arguments, or read them from standard input."""
    to.add_argument("run_dirs", metavar="RUN_DIR", nargs="*", help="run dirs; - reads them")
    to.add_argument("--stdin", action="store_true", help="read run dirs from standard input")
    to.add_argument("-z", dest="nul", action="store_true", help="records end with NUL, not newline")


def run_dirs(args: argparse.Namespace) -> Iterator[str]:
    """The run dirs that add_run_dirs took, in order. Raises UsageError for none at all."""
    names: list[str] = args.run_dirs
    if not names and not args.stdin:
        raise UsageError("no run dir given", "name one, or pipe them to --stdin")
    for name in [*names, *(["-"] if args.stdin and "-" not in names else [])]:
        if name == "-":
            yield from read_records(args.nul)
        else:
            yield name


def read_records(nul: bool) -> Iterator[str]:
    """The records of standard input: lines, or with *nul* what stands between NULs."""
    end = b"\0" if nul else b"\n"
    for record in sys.stdin.buffer.read().split(end):
        if record:
            yield os.fsdecode(record)


def print_records(records: Iterable[str], *, nul: bool = False) -> None:
    """Print one record a line, or each with a NUL behind it.

    A terminal, where no program reads them, shows them escaped.
    """
    end = "\0" if nul else "\n"
    if not nul and sys.stdout.isatty():
        records = map(shown_line, records)
    for record in records:
        sys.stdout.write(record + end)
