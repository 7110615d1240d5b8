"""Runs written fact by fact, for tests of what reads them."""

import os
from collections.abc import Mapping
from typing import Any

from gage.facts import put_fact, put_json
from gage.opref import OpRef, format_opref, parse_opname
from gage.row import Row, read_row
from gage.run import Run, make_run, run_meta_path
from gage.said import add_tags, set_label
from gage.scalar import Scalar


def write_run(
    home: Any,
    operation: str = "train",
    *,
    name: str = "",
    id: str = "",
    start: int = 1_000_000,
    exit: int | None = 0,
    config: Mapping[str, Scalar] | None = None,
    given: list[str] | None = None,
    opdef: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    parent: str = "",
) -> Run:
    """A run in *home* that ended with *exit*, or with None one that is staged."""
    opref = parse_opname(operation) if operation else OpRef("", "")
    run = make_run(opref, str(home), name=name, id=id, sync="none")
    os.makedirs(run_meta_path(run, "proc"))
    put_fact(run, "__schema__", text="1")
    put_fact(run, "id", text=run.id)
    put_fact(run, "opref", text=format_opref(opref))
    put_json(run, "opdef.json", value=opdef or {"exec": "true"})
    put_json(run, "config.json", value=config or {})
    if given is not None:
        put_json(run, "given.json", value=given)
    if parent:
        put_fact(run, "parent", text=parent)
    put_fact(run, "initialized", text=str(start - 2))
    put_fact(run, "staged", text=str(start - 1))
    if exit is None:
        return run
    put_fact(run, "started", text=str(start))
    if metrics is not None or attributes is not None:
        summary = {"metrics": metrics or {}, "attributes": attributes or {}}
        put_json(run, "summary.json", value=summary)
    put_fact(run, "stopped", text=str(start + 5))
    put_fact(run, "proc", "exit", text=str(exit))
    return run


def row_of_all_kinds(home: Any) -> Row:
    """The row of a run that has values of each kind, odd ones among them."""
    run = write_run(
        home,
        "m1:train",
        id="4f" + "0" * 30,
        start=1_500_000,
        config={"lr": 0.5, "flag": True, "none": None, "text": "a\tb\\\n"},
        metrics={"loss": 2, "lr": 7.0},
    )
    set_label(run, "best\x1b[2J")
    add_tags(run, ["a", "b"])
    return read_row(run.home, run.name)
