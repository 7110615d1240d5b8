"""The command table: every command, its options and its arguments, to be had without building it.

Building a command for people takes longer than a person waits at TAB, at which this is asked.
``command-table.tsv`` is written by ``make table`` from the commands themselves, and a test
holds it to them. A line that begins with no tab is a command and what it is for; below it
stand its options, as ``TAB NAMES TAB VALUE TAB ABOUT``, and its arguments as an option
without names.
"""

import os
from typing import NamedTuple

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "command-table.tsv")


class Option(NamedTuple):
    """An option: *value* is what it takes, ``DIR`` or ``{a,b}``; empty for a switch."""

    names: tuple[str, ...]
    value: str
    about: str


class Command(NamedTuple):
    """A command: *words* are its arguments as its usage has them, ``[RUN] PATH``."""

    name: str
    about: str
    options: tuple[Option, ...]
    words: str


def read_table() -> dict[str, Command]:
    """All commands by name: ``runs rm`` of the program gage, and programs as ``gage-init``.

    ``gage`` itself has the options that stand before a command.
    """
    with open(PATH, encoding="utf-8") as file:
        return parse_table(file.read())


def parse_table(text: str) -> dict[str, Command]:
    """The inverse of format_table."""
    commands: dict[str, Command] = {}
    for block in text.split("\n\n"):
        head, *lines = block.rstrip("\n").split("\n")
        name, about = head.split("\t")
        options = []
        words = ""
        for line in lines:
            _, names, value, told = line.split("\t")
            if names:
                options.append(Option(tuple(names.split(",")), value, told))
            else:
                words = value
        commands[name] = Command(name, about, tuple(options), words)
    return commands


def format_table(commands: dict[str, Command]) -> str:
    """The text of the table of *commands*."""
    blocks = []
    for command in commands.values():
        lines = [f"{command.name}\t{command.about}"]
        lines += [f"\t{','.join(o.names)}\t{o.value}\t{o.about}" for o in command.options]
        lines += [f"\t\t{command.words}\t"] if command.words else []
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)
