"""gage check: says whether the gage file of the project is right, and what is wrong."""

import os
from typing import Annotated

import typer

from gage.cli import shown
from gage.gage_file import schema_text
from gage.porcelain.ops import project_file
from gage.porcelain.options import Place, Quiet

Schema = Annotated[bool, typer.Option("--schema", help="print the JSON Schema of gage files")]


def check(place: Place, schema: Schema = False, quiet: Quiet = False) -> int:
    """Check the gage file of the project."""
    if schema:
        print(schema_text(), end="")
        return 0
    gage_file = project_file()
    if not quiet:
        count = len(gage_file.operations)
        noun = "operation" if count == 1 else "operations"
        print(f"{shown(os.path.relpath(gage_file.path))}: ok, {count} {noun}")
    return 0
