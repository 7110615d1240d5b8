"""The parts that some runs have, as gage show tells them: attempts, and a pipeline's steps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gage.attempts import attempts
from gage.clock import iso
from gage.difference import changed_names
from gage.errors import StateError
from gage.porcelain.runs import duration, moment_of, short_id
from gage.recorded import read_json_fact
from gage.row import Row
from gage.run import Run, read_fact
from gage.scalar import format_value
from gage.status import exit_status
from gage.step_tree import Branch


def attempt_facts(row: Row) -> list[dict[str, Any]]:
    """What is recorded of each attempt, oldest first, as JSON values.

    Of the values, ``config`` has those that are not the same in all attempts. Times are
    ISO 8601, ``duration`` is in microseconds.
    """
    found: list[dict[str, Any]] = []
    configs = []
    for number, folder in attempts(row.run):
        started, stopped, exit = (
            _number(row.run, *folder, *name.split("/"))
            for name in ("started", "stopped", "proc/exit")
        )
        configs.append(_config(row.run, folder))
        fact = {
            "number": number,
            "started": None if started is None else iso(started),
            "stopped": None if stopped is None else iso(stopped),
            "duration": None if started is None or stopped is None else stopped - started,
            "exit": exit,
            "status": exit_status(exit) if folder and exit is not None else row.status,
        }
        found.append({name: value for name, value in fact.items() if value is not None})
    names = changed_names(configs)
    for number, config in enumerate(configs):
        found[number]["config"] = {name: config[name] for name in names if name in config}
    return found


def attempt_columns(facts: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The columns of a table of attempts, which is empty where there is but one."""
    if len(facts) == 1:
        return [[]]
    rows = [
        (
            str(fact["number"]),
            moment_of(fact.get("started", "")),
            duration(fact.get("duration")),
            str(fact.get("exit", "")),
            str(fact["status"]),
            " ".join(f"{name}={format_value(v)}" for name, v in fact["config"].items()),
        )
        for fact in facts
    ]
    return _columns(rows)


def step_facts(branches: Sequence[Branch]) -> list[dict[str, Any]]:
    """The tree of steps as JSON values; ``link`` is as gage-link-steps has it."""
    return [
        {"name": branch.name, "link": branch.state, "run_dir": branch.run_dir}
        | (_step(branch.row) if branch.row else {})
        | ({"unmet": list(branch.unmet)} if branch.unmet else {})
        | {"steps": step_facts(branch.steps)}
        for branch in branches
    ]


def step_columns(facts: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The columns of a table of steps, with those of a step that is a pipeline below it."""
    return _columns(
        [
            ("  " * depth + fact["name"], *_step_cells(fact))
            for depth, fact in _walked(facts, depth=0)
        ]
    )


def _step(row: Row) -> dict[str, Any]:
    times = {
        "started": None if row.started is None else iso(row.started),
        "stopped": None if row.stopped is None else iso(row.stopped),
        "duration": row.duration,
        "exit": row.exit,
    }
    return {
        "id": row.id,
        "short_id": short_id(row),
        "operation": row.operation,
        "status": row.status,
        "settings": row.settings,
    } | {name: value for name, value in times.items() if value is not None}


def _step_cells(fact: Mapping[str, Any]) -> tuple[str, ...]:
    if fact["link"] != "ok":
        return "", "", fact["link"], "", "", "", ""
    return (
        fact["short_id"],
        fact["operation"],
        fact["status"],
        moment_of(fact.get("started", "")),
        duration(fact.get("duration")),
        fact["settings"],
        ", ".join(fact.get("unmet", ())),
    )


def _walked(
    facts: Sequence[Mapping[str, Any]], depth: int
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for fact in facts:
        yield depth, fact
        yield from _walked(fact["steps"], depth + 1)


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[]]


def _config(run: Run, folder: Sequence[str]) -> dict[str, Any]:
    try:
        value = read_json_fact(run, *folder, "config.json")
    except (StateError, OSError):
        return {}
    return value if isinstance(value, dict) else {}


def _number(run: Run, *parts: str) -> int | None:
    try:
        text = read_fact(run, *parts) or ""
    except OSError:
        return None
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else None
