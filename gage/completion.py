"""Completion: what may stand where a person is writing a command, and presses TAB.

The words before tell which command it is and what this word is for, as the command table
has it; candidates.py knows what there is of each kind. Nothing that is built for a command
is built here: an answer must be there before a finger is off the key.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gage.candidate import Candidate, Place
from gage.candidates import candidates
from gage.command_table import Command, Option, read_table

_TEXTS = {"runs label": "LABEL", "runs tag": "TAG"}
"""Of what is said about runs, what was said before."""


class _Read(NamedTuple):
    """What the words of a command say: *value* is the option that waits for its value."""

    command: Command
    arguments: list[str]
    options: list[tuple[Option, str]]
    value: Option | None
    ended: bool


def complete(words: Sequence[str], start: str, environ: Mapping[str, str]) -> list[Candidate]:
    """What the last of *words* may become, in the directory *start*; the first is the program.

    A Candidate without a text is a wish: ``files`` or ``directories``, which the shell knows
    best.
    """
    current = words[-1]
    table = read_table()
    program = os.path.basename(words[0])
    rest = list(words[1:-1])
    before = _Read(table["gage"], [], [], None, False)
    if program == "gage":
        before, rest = _options_before(table["gage"], rest)
        if before.value:
            return _fitting(current, _of_value(before.value, current, Place(start, "")))
        if not rest:
            return _fitting(current, _commands(table, current, environ))
        below = [name for name in table if name.startswith(f"{rest[0]} ")]
        if below and len(rest) == 1 and not current.startswith("-"):
            return _fitting(current, _below(table, below))
        name = " ".join(rest[:2]) if " ".join(rest[:2]) in table else rest[0]
        rest = rest[len(name.split(" ")) :]
        program = name if name in table else f"gage-{name}"
    if program not in table:
        return []
    read = _read(table[program], rest)
    place = _moved(_moved(Place(start, ""), before.options), read.options)
    return _fitting(current, _here(read, current, place))


def _here(read: _Read, current: str, place: Place) -> Iterator[Candidate]:
    if read.value:
        return _of_value(read.value, current, place)
    if current.startswith("--") and "=" in current and not read.ended:
        name, _, value = current.partition("=")
        option = _find(read.command, name)
        if option is None or not option.value:
            return iter(())
        found = _of_value(option, value, place)
        return (c._replace(text=f"{name}={c.text}") if c.text else c for c in found)
    if current.startswith("-") and not read.ended:
        return _options(read)
    return _of_argument(read, current, place)


def _fitting(current: str, found: Iterator[Candidate]) -> list[Candidate]:
    """Those that begin as the word does, each once; a name that no line could hold is left out."""
    fitting = {c.text: c for c in found if c.text.startswith(current) or not c.text}
    return [c for c in fitting.values() if c.text.isprintable()]


def _options_before(command: Command, words: list[str]) -> tuple[_Read, list[str]]:
    options: list[tuple[Option, str]] = []
    i = 0
    while i < len(words) and words[i].startswith("-"):
        name, equals, value = words[i].partition("=")
        option = _find(command, name)
        if option and option.value and equals:
            options.append((option, value))
        elif option and option.value:
            if i + 1 == len(words):
                return _Read(command, [], options, option, False), []
            options.append((option, words[i + 1]))
            i += 1
        i += 1
    return _Read(command, [], options, None, False), words[i:]


def _read(command: Command, words: Sequence[str]) -> _Read:
    arguments: list[str] = []
    options: list[tuple[Option, str]] = []
    waiting: Option | None = None
    ended = False
    for word in words:
        if waiting:
            options.append((waiting, word))
            waiting = None
        elif ended or not word.startswith("-") or word == "-":
            arguments.append(word)
        elif word == "--":
            ended = True
        else:
            name, equals, value = word.partition("=")
            option = _find(command, word) or (_find(command, name) if equals else None)
            if option and option.value and not equals:
                waiting = option
            elif option:
                options.append((option, value))
    return _Read(command, arguments, options, waiting, ended)


def _find(command: Command, name: str) -> Option | None:
    return next((option for option in command.options if name in option.names), None)


def _moved(place: Place, options: Sequence[tuple[Option, str]]) -> Place:
    """Where *options* work in *place*: ``-C`` first, and from there what ``--runs`` names."""
    directory, runs = place.directory, place.runs
    for option, value in options:
        if "-C" in option.names:
            directory = os.path.join(directory, os.path.expanduser(value))
    for option, value in options:
        if "--runs" in option.names and option.value:
            runs = os.path.join(directory, os.path.expanduser(value))
    return Place(directory, runs)


def _commands(
    table: Mapping[str, Command], current: str, environ: Mapping[str, str]
) -> Iterator[Candidate]:
    if current.startswith("-"):
        yield from _options(_Read(table["gage"], [], [], None, False))
        return
    plumbing = []
    for name, command in table.items():
        if name.startswith("gage-"):
            plumbing.append(Candidate(name.removeprefix("gage-"), command.about))
        elif " " not in name and name != "gage":
            yield Candidate(name, command.about)
    yield from (c for c in plumbing if c.text not in table)
    from gage.programs import program_names

    for program in program_names("gage-", environ):
        if program not in table:
            yield Candidate(program.removeprefix("gage-"), "a program")


def _below(table: Mapping[str, Command], names: Sequence[str]) -> Iterator[Candidate]:
    return (Candidate(name.split(" ")[1], table[name].about) for name in names)


def _options(read: _Read) -> Iterator[Candidate]:
    said = {name for option, _ in read.options for name in option.names}
    for option in read.command.options:
        for name in option.names:
            if name not in said or option.value:
                yield Candidate(name, option.about)


def _of_value(option: Option, value: str, place: Place) -> Iterator[Candidate]:
    # It is called by what it is for, and NAME might be that of anything.
    named_phase = (option.names, option.value) == (("--phase",), "NAME")
    return candidates("PHASE" if named_phase else option.value, value, place, [])


def _of_argument(read: _Read, current: str, place: Place) -> Iterator[Candidate]:
    said = read.arguments
    given = {name: value for option, value in read.options for name in option.names}
    if read.command.name == "run" and "--restart" in given:
        return candidates("RUN'S NAME=VALUE", current, place, [given["--restart"], *said])
    words = read.command.words
    if words.startswith("TEXT "):
        words = words.replace("TEXT", _TEXTS.get(read.command.name, "TEXT"))
        if read.command.name != "runs tag" and given.keys() & {"--delete", "--edit"}:
            words = words.partition(" ")[2]
    kinds = _kinds(words)
    if not kinds:
        return iter(())
    kind, many = kinds[min(len(said), len(kinds) - 1)]
    if len(said) >= len(kinds) and not many:
        return iter(())
    if kinds[0][0] == "OPERATION|FILE" and len(kinds) > 1:
        kind = "NAME=VALUE" if any("=" not in word for word in said) else "OPERATION|NAME=VALUE"
    elif kind == "WORD" and said:
        named = any("=" not in word for word in said[1:])
        kind, said = ("NAME=VALUE" if named else "OPERATION|NAME=VALUE"), said[1:]
    elif kind == "NAME=VALUE" and kinds[0][0] in ("RUN", "RUN_DIR"):
        kind = "RUN'S NAME=VALUE"
    elif read.command.name in ("runs restore", "runs purge"):
        kind = "DELETED RUN"
    elif words == "[RUN] PATH" or kind == "PATH":
        kind = "RUN|PATH" if not said else "PATH"
    return candidates(kind, current, place, said)


def _kinds(words: str) -> list[tuple[str, bool]]:
    """The arguments of a usage, each with whether there may be many of it."""
    found = []
    for word in words.split():
        many = word.endswith("...")
        kind = word.removesuffix("...").removeprefix("[").rstrip("]").removesuffix("...")
        found.append((kind.removeprefix("NAME=]"), many or "..." in word))
    return found
