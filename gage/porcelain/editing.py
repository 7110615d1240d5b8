"""A text that a person writes in an editor of their own, as with git.

The file that is edited begins empty, with lines of help that are left out of what was written.
"""

import os
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from gage.durable import write_all
from gage.errors import GageError, SystemRefusedError, UsageError, refused
from gage.porcelain.colour import is_plain
from gage.programs import find_program

VARIABLES = ("GAGE_EDITOR", "VISUAL", "EDITOR")

HELP = "#"
"""What a line of help begins with."""

_USUAL = ("editor", "vi", "nano")


@contextmanager
def edited(help: Sequence[str]) -> Iterator[str]:
    """What a person wrote, for a ``with`` block; where that fails, the text is kept and named.

    *help* are lines that tell what is to be written. Raises UsageError where there is no
    editor, SystemRefusedError where it failed.
    """
    words = editor_words(os.environ)
    from tempfile import mkstemp

    fd, path = mkstemp(prefix="gage-", suffix=".txt")
    try:
        with open(fd, "wb") as file:
            text = "\n" + "".join(f"{HELP} {line}".rstrip() + "\n" for line in help)
            write_all(file.fileno(), text.encode("utf-8", "surrogateescape"))
        _edit(words, path)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            text = written(file.read())
    except BaseException:
        _remove(path)
        raise
    try:
        yield text
    except (GageError, OSError) as trouble:
        if not text:
            _remove(path)
            raise
        error = refused(trouble) if isinstance(trouble, OSError) else trouble
        hint = f"what was written is in {path}"
        raise type(error)(error.message, f"{error.hint}; {hint}" if error.hint else hint) from None
    _remove(path)


def written(text: str) -> str:
    """*text* without the lines of help, blank ones around it, and spaces that nobody sees."""
    lines = [line.rstrip() for line in text.split("\n") if not line.startswith(HELP)]
    return "\n".join(lines).strip("\n")


def editor_words(environ: Mapping[str, str]) -> list[str]:
    """The editor that *environ* names, with its arguments, or a usual one.

    Raises UsageError where there is none.
    """
    # VISUAL is for what can place a cursor.
    variables = [name for name in VARIABLES if name != "VISUAL" or not is_plain()]
    variable = next((name for name in variables if environ.get(name)), "")
    if not variable:
        found = [find_program(name, environ) for name in _USUAL] if not is_plain() else []
        program = next(filter(None, found), None)
        if program is None:
            raise UsageError("there is no editor", "set GAGE_EDITOR, or say it on the command line")
        return [program]
    try:
        words = shlex.split(environ[variable])
    except ValueError as error:
        raise UsageError(f"{variable}: {error}") from None
    program = find_program(words[0], environ) if words and not os.path.isabs(words[0]) else None
    if words and os.path.isabs(words[0]):
        program = words[0]
    if program is None:
        raise UsageError(f"{variable}: {environ[variable]}: no such program on the PATH")
    return [program, *words[1:]]


def _edit(words: Sequence[str], path: str) -> None:
    # Keys that interrupt are for the editor.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pid = os.posix_spawn(
            words[0],
            [*words, path],
            os.environ,
            setsigdef=[signal.SIGINT, signal.SIGPIPE],
        )
        _, status = os.waitpid(pid, 0)
    except OSError as error:
        raise SystemRefusedError(f"{words[0]}: {error.strerror}") from None
    finally:
        signal.signal(signal.SIGINT, before)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemRefusedError(f"{words[0]}: the editor ended with {code}")


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
