"""The program gage: finds the command that is meant, and runs it.

The first word is a command for people, else one of plumbing, else a program ``gage-WORD``
on the PATH. What is not asked for is not imported.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from gage.cli import begin, guarded, leave, open_standard_streams
from gage.errors import NotFoundError, UsageError
from gage.porcelain.commands import PLUMBING, RUNNERS, commands, load
from gage.programs import find_program
from gage.trust import VARIABLE as TRUST

_TAKE_VALUES = ("-C", "--runs")
"""Options before the command that take a value."""

_ELSEWHERE = {"list": "runs"}
"""What hands write that know other tools, and is nearer to another command of ours."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names, and return its exit code."""
    if argv is None:
        begin()
    open_standard_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    code = guarded("gage", lambda: _run(*_options_taken(words)), _is_runner(words))
    return leave(code) if argv is None else code


def _is_runner(words: list[str]) -> bool:
    """Whether the command is one that answers as what it runs."""
    while words and words[0].startswith("-"):
        words = _parted(words)
        words = words[2:] if words[0] in _TAKE_VALUES else words[1:]
    return bool(words) and words[0] in RUNNERS


def _run(words: list[str], no_pager: bool) -> int:
    if not words or words[0] in ("-h", "--help"):
        from gage.porcelain.overview import print_overview

        return print_overview(here=not words)
    if words[0] == "--version":
        from gage import __version__

        print(f"gage {__version__}")
        return 0
    if words[0].startswith("-"):
        from gage.command_table import read_table
        from gage.nearest import nearest

        near = nearest(words[0], [n for o in read_table()["gage"].options for n in o.names], 1)
        hint = f"did you mean {near[0]}?" if near else "gage help"
        raise UsageError(f"{words[0]}: no such option", hint)
    words = _subcommand_first(words)
    name = _porcelain_name(words)
    if name:
        rest = words[len(name.split(" ")) :]

        def work() -> int:
            return guarded(f"gage {name}", lambda: _run_porcelain(name, rest), name in RUNNERS)

        return _paged(name, rest, work, no_pager) if sys.stdout.isatty() else work()
    return _run_other(words[0], words[1:])


def _run_porcelain(name: str, rest: list[str]) -> int:
    from gage.porcelain.app import run_command

    return run_command(f"gage {name}", load(name), rest)


def _paged(name: str, rest: list[str], work: Callable[[], int], no_pager: bool) -> int:
    from gage.porcelain.paging import is_paged, paged, tell_man

    if name == "help":
        tell_man(os.environ, without=no_pager)
    return paged(work) if is_paged(name, rest) and not no_pager else work()


def _options_taken(words: list[str]) -> tuple[list[str], bool]:
    """*words* without the options before the command, and whether no pager is wanted."""
    directory = runs = ""
    no_pager = False
    while words and (words := _parted(words))[0] in (*_TAKE_VALUES, "--trust", "--no-pager"):
        if words[0] == "--no-pager":
            no_pager = True
            words = words[1:]
            continue
        if words[0] == "--trust":
            os.environ[TRUST] = "1"
            words = words[1:]
            continue
        if len(words) < 2:
            raise UsageError(f"{words[0]}: expected a directory")
        if words[0] == "-C":
            directory = os.path.join(directory, words[1])
        else:
            runs = words[1]
        words = words[2:]
    if directory:
        try:
            os.chdir(directory)
        except OSError as error:
            raise NotFoundError(f"{directory}: {error.strerror}") from None
    if runs:
        os.environ["GAGE_RUNS"] = os.path.abspath(runs)
    return words, no_pager


def _parted(words: list[str]) -> list[str]:
    """*words* with the value of a first option as a word of its own, as behind the command."""
    first, rest = words[0], words[1:]
    if first.startswith("--runs="):
        return ["--runs", first.removeprefix("--runs="), *rest]
    if first.startswith("-C") and first != "-C":
        return ["-C", first.removeprefix("-C"), *rest]
    return words


def _subcommand_first(words: list[str]) -> list[str]:
    """*words* with the ``rm`` of ``runs -y rm`` before the options that stand before it."""
    below = {verb.split(" ")[1] for verb in commands() if verb.startswith(f"{words[0]} ")}
    if len(words) < 3 or not words[1].startswith("-") or not below.intersection(words[2:]):
        return words
    from gage.command_table import read_table

    ours = [c for n, c in read_table().items() if n == words[0] or n.startswith(f"{words[0]} ")]
    takes = {name for c in ours for o in c.options if o.value for name in o.names}
    i = 1
    while i < len(words) and words[i].startswith("-") and words[i] != "--":
        i += 2 if words[i] in takes else 1
    if i < len(words) and words[i] in below:
        return [words[0], words[i], *words[1:i], *words[i + 1 :]]
    return words


def _porcelain_name(words: list[str]) -> str:
    name = " ".join(words[:2])
    if name in commands():
        return name
    below = [verb.split(" ")[1] for verb in commands() if verb.startswith(f"{words[0]} ")]
    if below and words[1:] and not words[1].startswith("-"):
        alone = words[1] in commands()
        hint = f"did you mean gage {words[1]}?" if alone else ""
        raise UsageError(
            f"{words[0]} {words[1]}: no such command",
            hint or _nearest(words[1], below, f"{words[0]} "),
        )
    return words[0] if words[0] in commands() else ""


def _run_other(verb: str, argv: list[str]) -> int:
    if verb in PLUMBING:
        module = import_module(f"gage.plumbing.{verb.replace('-', '_')}")
        code: int = module.main(argv)
        return code
    program = None if "/" in verb else find_program(f"gage-{verb}", os.environ)
    if program:
        os.execv(program, [program, *argv])
    below = [name for name in commands() if name.endswith(f" {verb}")]
    meant = below[0] if below else _ELSEWHERE.get(verb)
    hint = f"did you mean gage {meant}?" if meant else ""
    raise UsageError(f"{verb}: no such command", hint or _nearest(verb, [*commands(), *PLUMBING]))


def _nearest(word: str, known: Sequence[str], before: str = "") -> str:
    from gage.nearest import nearest

    near = nearest(word, known, 1)
    return f"did you mean gage {before}{near[0]}?" if near else "gage help lists them"
