"""gage check: says whether the gage file of the project is right, and what is wrong."""

import os
from typing import Annotated

import typer

from gage.cli import shown_line
from gage.errors import ConfigError
from gage.gage_file import check_gage_file, gage_file_schema, load_gage_file
from gage.porcelain.ops import project_file
from gage.porcelain.options import Place, Quiet, Trust, believe

Schema = Annotated[bool, typer.Option("--schema", help="print the JSON Schema of gage files")]


def check(place: Place, schema: Schema = False, quiet: Quiet = False, trust: Trust = False) -> int:
    """Check the gage file of the project."""
    believe(trust)
    if schema:
        from json import dumps

        print(dumps(gage_file_schema(), indent=2))
        return 0
    path = project_file()
    if problems := check_gage_file(path):
        for problem in problems:
            hint = f" ({problem.hint})" if problem.hint else ""
            print(shown_line(problem.message + hint))
        return ConfigError.exit_code
    if not quiet:
        count = len(load_gage_file(path).operations)
        noun = "operation" if count == 1 else "operations"
        print(f"{shown_line(os.path.relpath(path))}: ok, {count} {noun}")
    return 0
