"""The command table as the commands are now: ``python -m tests.command_table`` writes it."""

import argparse
import os
import tomllib
from importlib import import_module

from gage.command_table import PATH, Command, Option, format_table
from gage.porcelain.app import click_command
from gage.porcelain.commands import PLUMBING, commands, load
from tests.place import ROOT

BEFORE = (
    Option(("-C",), "DIR", "work from directory DIR"),
    Option(("--runs",), "DIR", "the runs home"),
    Option(("--trust",), "", "believe a gage file of another user"),
    Option(("-h", "--help"), "", "list the commands"),
    Option(("--version",), "", "tell the version"),
)
"""What porcelain/main.py takes before the command."""


def all_commands():
    """All commands, from the parsers that take their words."""
    found = {"gage": Command("gage", "", BEFORE, "COMMAND")}
    for name, verb in commands().items():
        found[name] = porcelain(name, verb.summary)
    for name, module in plumbing().items():
        summary = PLUMBING.get(name.removeprefix("gage-"), "")
        found[name] = program(name, import_module(module).parser(), summary)
    return found


def plumbing():
    """The modules of the plumbing programs, by the names of these."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        scripts = tomllib.load(file)["project"]["scripts"]
    places = {name: place.partition(":")[0] for name, place in scripts.items()}
    return {n: place for n, place in places.items() if place.startswith("gage.plumbing.")}


def porcelain(name, summary):
    options, words = [], []
    for parameter in click_command(load(name)).params:
        if parameter.param_type_name == "argument":
            words.append(parameter.metavar or parameter.name.upper())
            continue
        names = (*parameter.opts, *parameter.secondary_opts)
        value = "" if parameter.is_flag else parameter.metavar or "VALUE"
        options.append(Option(names, value, parameter.help or ""))
    return Command(name, summary, (*options, HELP), " ".join(words))


def program(name, parser, summary):
    options, words = [], []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
            continue
        value = "" if action.nargs == 0 else value_of(action)
        if action.option_strings:
            about = (action.help or "").replace("%%", "%")
            options.append(Option(tuple(action.option_strings), value, about))
        else:
            many = "..." if action.nargs in ("*", "+", "...") else ""
            words.append(f"[{value}]{many}" if action.nargs in ("*", "?") else value + many)
    return Command(name, summary or parser.description, (*options, HELP), " ".join(words))


HELP = Option(("-h", "--help"), "", "show the options")


def value_of(action):
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.metavar or action.dest.upper()


if __name__ == "__main__":
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(format_table(all_commands()))
