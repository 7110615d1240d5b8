"""gage runs diff: what is not the same in two runs, or in two attempts of one."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import Annotated, Any

import typer

from gage.attempts import attempts, find_attempt
from gage.difference import PARTS, Side, difference, of_parts, output_difference, stat_rows
from gage.errors import UsageError
from gage.filters import Filters
from gage.json_text import json_text
from gage.patch import marked_lines
from gage.porcelain.choosing import chosen
from gage.porcelain.colour import is_coloured
from gage.porcelain.files import TYPES
from gage.porcelain.options import Json, Place
from gage.porcelain.run_facts import command_text, origin
from gage.porcelain.table import table_lines
from gage.run import Run
from gage.scalar import format_value
from gage.shown import shown

Specs = Annotated[list[str], typer.Argument(metavar="[RUN [RUN]]", help="as in gage-select(1)")]
Attempts = Annotated[
    list[int], typer.Option("--attempt", metavar="N", min=1, help="an attempt of the run")
]

Flags = Annotated[bool, typer.Option("--flags", help="compare the values of flags")]
Source = Annotated[bool, typer.Option("--source", help="compare source code")]
Deps = Annotated[bool, typer.Option("--deps", help="compare dependencies")]
Output = Annotated[bool, typer.Option("--output", help="compare what they wrote, line by line")]
Metrics = Annotated[bool, typer.Option("--metrics", help="compare metrics and attributes")]
Stat = Annotated[bool, typer.Option("--stat", help="names alone, and how many lines differ")]

DIFFERENT = 1
NONE = "-"

Pair = Mapping[str, Any]


def diff(
    place: Place,
    filters: Filters,
    specs: Specs = [],
    attempt: Attempts = [],
    flags: Flags = False,
    source: Source = False,
    deps: Deps = False,
    output: Output = False,
    metrics: Metrics = False,
    stat: Stat = False,
    json: Json = False,
) -> int:
    """Tell how two runs differ, or two attempts of a run; an attempt from the present one."""
    a, b = _sides([row.run for row in chosen(place.home, specs, filters)], specs, attempt)
    asked = zip(PARTS, (flags, source, deps, output, metrics), strict=True)
    parts = [part for part, wanted in asked if wanted]
    found = difference(a, b)
    if parts:
        found = of_parts(found, parts)
    if stat and json:
        raise UsageError("--stat is for eyes, and --json has all that differs")
    if output and "output" in found and not stat:
        found["output"] |= output_difference(a, b)
    if json:
        print(json_text({"a": _facts(a), "b": _facts(b)} | found))
    elif found and stat:
        for line in _table(list(stat_rows(found))):
            print(line)
    elif found:
        for line in _lines(a, b, found):
            print(line)
    return DIFFERENT if found else 0


def _sides(runs: list[Run], specs: Sequence[str], numbers: Sequence[int]) -> tuple[Side, Side]:
    if not numbers and len(runs) == 2:
        # A listing begins with the newest, and what was before comes first.
        first, second = runs if specs else runs[::-1]
        return Side(first, attempts(first)[-1]), Side(second, attempts(second)[-1])
    if not numbers or len(numbers) > 2 or (specs and len(runs) > 1):
        raise UsageError("which two?", "name two runs, or one run and --attempt N")
    run = runs[0]
    earlier, *later = [find_attempt(run, number) for number in numbers]
    return Side(run, earlier), Side(run, (later or attempts(run))[-1])


def _facts(side: Side) -> dict[str, Any]:
    run = side.run
    return {"id": run.id, "run_dir": run.run_dir, "attempt": side.attempt.number}


def _lines(a: Side, b: Side, found: Mapping[str, Any]) -> Iterator[str]:
    yield from _table([["a", *_title(a)], ["b", *_title(b)]])
    for title, rows in difference_sections(found):
        if rows:
            yield f"\n{title}"
            yield from ("  " + line for line in _table(rows))
    for title, text in (
        ("what they wrote", found.get("output", {}).get("diff", "")),
        ("source code", found.get("diff", "")),
    ):
        if text:
            yield f"\n{title}"
            yield from starmap(_painted, marked_lines(text.removesuffix("\n")))


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    return table_lines([list(column) for column in zip(*rows, strict=True)])


def _title(side: Side) -> tuple[str, ...]:
    run = side.run
    name = run.id[:8] if run.name == run.id else run.name
    several = len(attempts(run)) > 1
    return str(run.opref or ""), name, f"attempt {side.attempt.number}" if several else ""


def difference_sections(found: Mapping[str, Any]) -> Iterator[tuple[str, list[list[str]]]]:
    """Titles with the rows of a table below each, which may be none: a name, and both sides."""
    yield "operation", [_texts(found["operation"], str)] if "operation" in found else []
    yield "exit", [_texts(found["exit"], str)] if "exit" in found else []
    yield "command", [_texts(found["command"], command_text)] if "command" in found else []
    yield "flags", _rows(found.get("config", {}), format_value)
    yield "environment", _rows(found.get("env", {}), str)
    yield "metrics", _rows(found.get("metrics", {}), format_value)
    yield "attributes", _rows(found.get("attributes", {}), format_value)
    yield "dependencies", _rows(found.get("dependencies", {}), origin)
    yield "steps", _rows(found.get("steps", {}), lambda step: " ".join(filter(None, step.values())))
    yield "files", [[path, *_change(pair)] for path, pair in found.get("files", {}).items()]
    if output := found.get("output"):
        sizes = [f"{output[side]} bytes" for side in "ab"]
        yield "output", [[*sizes, f"they differ from line {output['line']} on"]]


def _rows(pairs: Mapping[str, Pair], text: Any) -> list[list[str]]:
    return [[name, *_texts(pair, text)] for name, pair in pairs.items()]


def _texts(pair: Pair, text: Any) -> list[str]:
    return [str(text(pair[side])) if side in pair else NONE for side in "ab"]


def _change(pair: Pair) -> list[str]:
    type = TYPES[next(iter(pair.values()))["type"]]
    return [type, "changed" if len(pair) == 2 else f"only in {next(iter(pair))}"]


def _painted(mark: str, line: str) -> str:
    # In a pipe as it is: patch(1) can read it.
    text = "\t".join(map(shown, line.split("\t"))) if sys.stdout.isatty() else line
    code = {"-": "31", "+": "32", "@": "36"}.get(mark, "") if is_coloured() else ""
    return f"\033[{code}m{text}\033[0m" if code else text
