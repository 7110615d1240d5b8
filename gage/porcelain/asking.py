"""A question to a person: asked on a terminal, and nowhere else."""

import sys
from collections.abc import Iterable

from gage.errors import UsageError
from gage.shown import shown_line

DECLINED = 1
"""The exit code where the answer was no."""


def is_possible() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, default: bool = False, about: Iterable[str] = ()) -> bool:
    """Ask *question* on the terminal; *default* is what a mere Enter means.

    The lines *about* it are shown before. Raises UsageError where nobody can be asked.
    """
    if not is_possible():
        raise UsageError("this is no terminal, and nobody can be asked", "-y answers yes")
    sys.stdout.flush()
    for line in about:
        sys.stderr.write(line + "\n")
    sys.stderr.write(f"{shown_line(question)} [{'Y/n' if default else 'y/N'}] ")
    sys.stderr.flush()
    # As bytes: what is typed need not be text, and is no yes then.
    answer = sys.stdin.buffer.readline()
    if not answer:
        sys.stderr.write("\n")
        return False
    word = answer.strip().lower()
    return word in (b"y", b"yes") if word else default


def ask_secret(name: str) -> str:
    """What a person types for the secret *name*, which no terminal shows; empty for nothing."""
    from getpass import getpass

    sys.stdout.flush()
    try:
        return getpass(f"{shown_line(name)}: ")
    except EOFError:
        sys.stderr.write("\n")
        return ""
