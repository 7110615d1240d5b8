"""gage check: says whether the gage file of the project, or what runs claim, is right."""

import os
from typing import Annotated

import typer

from gage.default_runs import check_defaults
from gage.errors import ConfigError, UsageError
from gage.filters import Filters
from gage.gage_file import check_gage_file, gage_file_schema, load_gage_file
from gage.porcelain.choosing import is_said
from gage.porcelain.ops import project_file
from gage.porcelain.options import (
    Directory,
    Json,
    Limit,
    Nul,
    Place,
    Quiet,
    Specs,
    Trust,
    believe,
    go_to,
)
from gage.shown import shown_line

Schema = Annotated[bool, typer.Option("--schema", help="print the JSON Schema of gage files")]
OfRuns = Annotated[bool, typer.Option("--runs", help="check what runs claim, all or those named")]
Repair = Annotated[bool, typer.Option("--repair", help="mend runs as far as they can be mended")]


def check(
    filters: Filters,
    directory: Directory = "",
    specs: Specs = [],
    runs: OfRuns = False,
    repair: Repair = False,
    schema: Schema = False,
    limit: Limit = None,
    json: Json = False,
    nul: Nul = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> int:
    """Check the gage file of the project, or what runs claim."""
    go_to(directory)
    believe(trust)
    if runs:
        from gage.porcelain.check_runs import check_runs

        home = Place("").home
        if schema:
            raise UsageError("--schema is about gage files, and --runs about runs")
        if nul and not json:
            raise UsageError("-z goes with --json", "gage-fsck -z prints lines for programs")
        how = {"repair": repair, "json": json, "nul": nul, "quiet": quiet}
        return check_runs(home, specs, filters, limit, **how)
    if repair or json or nul or is_said(specs, filters, limit):
        raise UsageError("this is about runs", "gage check --runs checks them")
    return _check_gage_file(schema, quiet)


def _check_gage_file(schema: bool, quiet: bool) -> int:
    if schema:
        from json import dumps

        print(dumps(gage_file_schema(), indent=2))
        return 0
    path = project_file()
    if problems := check_gage_file(path) or check_defaults(path, Place("").home):
        for problem in problems:
            hint = f" ({problem.hint})" if problem.hint else ""
            print(shown_line(problem.message + hint))
        return ConfigError.exit_code
    if not quiet:
        count = len(load_gage_file(path).operations)
        noun = "operation" if count == 1 else "operations"
        print(f"{shown_line(os.path.relpath(path))}: ok, {count} {noun}")
    return 0
