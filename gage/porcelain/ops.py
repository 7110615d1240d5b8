"""gage ops: the operations of the project, and their flags."""

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gage.cli import print_records
from gage.config import read_config
from gage.errors import NotFoundError
from gage.gage_file import find_gage_file, load_gage_file
from gage.json_text import json_text
from gage.opdef import (
    FlagDef,
    config_selectors,
    description,
    flag_defs,
    is_default,
    raw_steps,
)
from gage.operation import Operation, open_operation
from gage.opref import parse_opname
from gage.porcelain.options import Json, Nul, Place, Trust, believe
from gage.porcelain.table import table_lines
from gage.porcelain.window import terminal_width
from gage.scalar import Scalar, format_value

Names = Annotated[
    list[str], typer.Argument(metavar="[OPERATION|FILE]...", help="these alone, with their flags")
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="with their flags")]

Flag = tuple[FlagDef, Scalar]
"""A flag, declared or a constant of a config file, and the value that it has unless given."""


def ops(
    place: Place,
    names: Names = [],
    verbose: Verbose = False,
    json: Json = False,
    nul: Nul = False,
    trust: Trust = False,
) -> int:
    """List the operations of the project."""
    believe(trust)
    operations = [open_operation(os.getcwd(), name) for name in names] or _all()
    if json:
        print_records((json_text(_facts(operation)) for operation in operations), nul=nul)
        return 0
    heads = table_lines(
        [
            [
                opdef.name + (" (default)" if is_default(opdef) else "")
                for _, opdef, _ in operations
            ],
            [description(opdef).partition("\n")[0] for _, opdef, _ in operations],
        ],
        width=terminal_width(),
    )
    for head, operation in zip(heads, operations, strict=True):
        lines = [head]
        if verbose or names:
            lines += [f"    {line}" for line in _flag_lines(_flags(operation))]
        print_records(["\n".join(lines)] if nul else lines, nul=nul)
    return 0


def project_file() -> str:
    """The path of the gage file of the project around the current directory.

    Raises NotFoundError, and ConfigError where there are two.
    """
    path = find_gage_file(os.getcwd())
    if path is None:
        raise NotFoundError(
            "no gage file here or above", "gage new writes one; gage help gage-file tells of them"
        )
    return path


def _all() -> list[Operation]:
    gage_file = load_gage_file(project_file())
    return [
        Operation(parse_opname(name), opdef, gage_file.project)
        for name, opdef in gage_file.operations.items()
    ]


def _flags(operation: Operation) -> list[Flag]:
    declared = flag_defs(operation.opdef)
    constants = read_config(operation.project, config_selectors(operation.opdef))
    flags = []
    for name in dict.fromkeys([*constants, *declared]):
        flag = declared.get(name) or FlagDef(name)
        value = constants[name].value if name in constants else None
        flags.append((flag, flag.default if flag.has_default else value))
    return flags


def _flag_lines(flags: Sequence[Flag]) -> list[str]:
    columns = [
        [f"{flag.name}={format_value(value)}" for flag, value in flags],
        ["; ".join(filter(None, (_limits(flag), flag.description))) for flag, _ in flags],
    ]
    return list(table_lines(columns))


def _limits(flag: FlagDef) -> str:
    limits: list[str] = [flag.type or ""]
    limits += ["secret"] if flag.secret else []
    limits += ["required"] if flag.required else []
    limits += ["one of " + ", ".join(map(format_value, flag.choices))] if flag.choices else []
    limits += [f"at least {format_value(flag.min)}"] if flag.min is not None else []
    limits += [f"at most {format_value(flag.max)}"] if flag.max is not None else []
    return ", ".join(filter(None, limits))


def _facts(operation: Operation) -> dict[str, Any]:
    _, opdef, project = operation
    return {
        "operation": opdef.name,
        "project": project,
        "description": description(opdef),
        "default": is_default(opdef),
        "steps": raw_steps(opdef),
        "flags": {flag.name: _flag_facts(flag, value) for flag, value in _flags(operation)},
    }


def _flag_facts(flag: FlagDef, value: Scalar) -> dict[str, Any]:
    facts = {
        "type": flag.type,
        "choices": list(flag.choices) or None,
        "min": flag.min,
        "max": flag.max,
        "required": flag.required or None,
        "secret": flag.secret or None,
        "description": flag.description or None,
    }
    return {"value": value, **{key: fact for key, fact in facts.items() if fact is not None}}
