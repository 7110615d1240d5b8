"""A pager: on a terminal, what may be long goes through one.

To the command nothing is changed: its standard output still says that it is a terminal, so
that what comes from runs is escaped, and cut and coloured as without a pager. Where the reader
leaves the pager early, the command has done all that was asked.
"""

import io
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence

from gage.cli import READER_GONE, complain
from gage.errors import UsageError
from gage.porcelain.colour import is_plain
from gage.porcelain.window import terminal_width
from gage.programs import find_program

VARIABLE = "GAGE_PAGER"

_PAGED = ("runs", "runs diff", "show", "log", "ops")
_FOLLOWING = {"-f", "--follow"}
_LESS = {"LESS": "FRX", "LV": "-c"}


def is_paged(name: str, words: Sequence[str]) -> bool:
    """Whether what the command *name* with the arguments *words* prints is to be read at
    leisure: it is all there at once, and may be long.
    """
    if name == "help":
        return bool({"-k", "--keyword"} & set(words))  # a page has a pager of its own
    return name in _PAGED and not _FOLLOWING & set(words)


def paged(work: Callable[[], int]) -> int:
    """The exit code of *work*, whose output goes through a pager if a terminal has it."""
    words = pager_words(os.environ) if sys.stdout.isatty() else []
    if not words:
        return work()
    ours, theirs = os.pipe()
    try:
        pager = os.posix_spawn(
            words[0],
            words,
            _LESS | dict(os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, ours, 0)],
            setsigdef=[signal.SIGPIPE],
        )
    except OSError:
        os.close(theirs)
        return work()
    finally:
        os.close(ours)
    # Who asks the terminal itself would ask the pipe.
    os.environ["COLUMNS"] = str(terminal_width() or 80)
    sys.stdout.flush()
    terminal, stdout = os.dup(1), sys.stdout
    os.dup2(theirs, 1)
    os.close(theirs)
    raw = io.BufferedWriter(io.FileIO(1, "w", closefd=False))
    sys.stdout = to_pager = _ToPager(raw, encoding="utf-8", errors="surrogateescape")
    try:
        code = work()
    finally:
        # Ctrl-C is for the pager, which stays: from the moment when all may be seen.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        to_pager.finish()
        sys.stdout = stdout
        os.dup2(terminal, 1)
        os.close(terminal)
        _, status = os.waitpid(pager, 0)
        signal.signal(signal.SIGINT, before)
    if code != READER_GONE:
        return code
    if ended := os.waitstatus_to_exitcode(status):
        complain("gage", f"{words[0]}: ended with {ended}", "--no-pager does without")
    return 0


def pager_words(environ: Mapping[str, str]) -> list[str]:
    """The pager that *environ* names, with its arguments; nothing where none is wanted.

    Raises UsageError for words that no shell could read.
    """
    variable = VARIABLE if VARIABLE in environ else "PAGER"
    if variable == "PAGER" and is_plain():
        return []
    try:
        words = shlex.split(environ.get(variable, "less"))
    except ValueError as error:
        raise UsageError(f"{variable}: {error}", "--no-pager does without") from None
    if not words or words == ["cat"]:
        return []
    program = words[0] if os.path.isabs(words[0]) else find_program(words[0], environ)
    return [program, *words[1:]] if program else []


def tell_man(environ: MutableMapping[str, str], *, without: bool) -> None:
    """Let man(1), and whatever else shows a page, use our pager, or none."""
    pager = "cat" if without else environ.get(VARIABLE)
    if pager is not None:
        environ["MANPAGER"] = environ["PAGER"] = pager or "cat"


class _ToPager(io.TextIOWrapper):
    """Standard output that ends at a terminal, with a pager before it."""

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        """Do nothing yet: who sees the end believes that Ctrl-C is for the pager."""

    def finish(self) -> None:
        """Leave nothing, which would go to the terminal when the pager is gone."""
        try:
            super().flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            super().flush()
