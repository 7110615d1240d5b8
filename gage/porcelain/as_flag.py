"""The hint for an option that there is not, where a flag of an operation was meant."""

import os
from collections.abc import Iterator, Sequence

from gage.candidate import Place


def as_flag(option: str, known: Sequence[str], command: str, argv: Sequence[str]) -> str:
    """How the flag that *option* seems to be is given to *command*, ``run`` or ``restart``.

    Nothing where it is near to one of the options *known*, and what *argv* names has no such
    flag.
    """
    from gage.nearest import nearest

    name = option.lstrip("-")
    near = nearest(name, [other.lstrip("-") for other in known])
    if near and name not in _flags(command, argv):
        return ""
    return f"flags are given as {name}={_value(option, argv)}"


def _flags(command: str, argv: Sequence[str]) -> Iterator[str]:
    """The names of what can be given to any operation, or run, that *argv* may mean."""
    from gage.operation_candidates import assignments
    from gage.run_candidates import values_of_run

    # Which words are values of the option that there is not, nobody knows.
    words = [word for word in argv if not word.startswith("-") and "=" not in word]
    place = Place(os.path.join(os.getcwd(), _behind("-C", argv)), _behind("--runs", argv))
    ways = [[word] for word in words]
    if command == "run":
        ways.append([])
    for before in ways:
        find = assignments if command == "run" else values_of_run
        for candidate in find("", place, before):
            yield candidate.text.removesuffix("=")


def _value(option: str, argv: Sequence[str]) -> str:
    """The value that was given with *option*, where it is a number: a word may be a secret."""
    from gage.flags import parse_value

    given = [word.partition("=")[2] for word in argv if word.startswith(f"{option}=")]
    text = given[0] if given else _behind(option, argv)
    return text if isinstance(parse_value(text), int | float) else "VALUE"


def _behind(option: str, argv: Sequence[str]) -> str:
    return argv[argv.index(option) + 1] if option in argv[:-1] else ""
