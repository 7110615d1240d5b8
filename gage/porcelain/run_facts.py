"""Everything about one run: what is recorded of it as JSON values, and titled columns of it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gage import clock
from gage.clock import iso
from gage.errors import GageError
from gage.manifest import read_manifest
from gage.output import RUN
from gage.porcelain.files import TYPES
from gage.porcelain.parts import attempt_columns, attempt_facts, step_columns, step_facts
from gage.porcelain.runs import duration, facts_for_people, moment, moment_of
from gage.recorded import read_json_fact, recorded_command
from gage.row import Row
from gage.run import Run, open_run, read_fact, run_meta_path
from gage.said import read_said
from gage.scalar import format_value
from gage.step_tree import step_tree

T = TypeVar("T")

DIGEST_DIGITS = 12

Section = tuple[str, list[list[str]]]
"""A title, and the columns below it."""


def run_facts(row: Row) -> dict[str, Any]:
    """All that is recorded of a run, as JSON values, under the names of the facts.

    What is missing or damaged is left out.
    """
    run = open_run(row.run_dir)
    command = _if_readable(lambda: recorded_command(run))
    entries = _if_readable(lambda: read_manifest(run)) or []
    facts = facts_for_people(row) | {
        "meta_dir": run.meta_dir,
        "duration": row.duration,
        "command": command.args if command else None,
        "env": command.env if command else None,
        "opdef": _json(run, "opdef.json"),
        "sys": _system(run),
        "output": _output_size(run),
        "files": dict(Counter(TYPES[entry.type] for entry in entries)),
        "dependencies": _json(run, "dependencies.json"),
        "attempts": attempt_facts(row),
        "steps": step_facts(step_tree(run)),
        "comments": [
            {"time": iso(comment.stamp), "text": comment.text}
            for comment in read_said(run.home, run.name).comments
        ],
        "log": [
            {"time": time, "message": message}
            for line in (_if_readable(lambda: read_fact(run, "log", "runner")) or "").split("\n")
            for time, _, message in [line.partition(" ")]
            if message
        ],
    }
    return {name: value for name, value in facts.items() if value is not None}


def summary_lines(row: Row, facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a run is and how it stands: names and texts, some of them empty."""
    yield "id", row.id
    yield "operation", row.operation
    yield "status", row.status
    yield "label", row.label
    yield "tags", ", ".join(row.tags)
    yield "initialized", "" if row.started else moment(row.initialized)
    yield "started", moment(row.started)
    yield "stopped", moment(row.stopped)
    if row.started:
        end = row.stopped or (clock.now() if row.status == "running" else None)
        yield "duration", duration(max(end - row.started, 0)) if end else ""
    yield "exit", "" if row.exit is None else str(row.exit)
    yield "command", command_text(facts.get("command"))
    yield "run dir", row.run_dir
    yield "project", str(facts["sys"].get("project") or "")
    yield "parent", row.parent
    yield "files", ", ".join(f"{count} {type}" for type, count in facts["files"].items())


def sections(row: Row, facts: dict[str, Any]) -> Iterator[Section]:
    """What was recorded of a run, by its facts; a section may have no columns."""
    config = row.config
    given = ["given" if name in row.given else "" for name in config]
    yield "flags", [list(config), _texts(config.values()), given]
    yield "steps", step_columns(facts["steps"])
    yield "attempts", attempt_columns(facts["attempts"])
    yield "metrics", [list(row.metrics), _texts(row.metrics.values())]
    yield "attributes", [list(row.attributes), _texts(row.attributes.values())]
    taken = _objects(facts.get("dependencies"))
    yield (
        "dependencies",
        [
            [str(d.get("path", "")) for d in taken],
            [origin(d) for d in taken],
            [short_digest(d) for d in taken],
        ],
    )
    yield (
        "environment",
        [list(facts.get("env", {})), [str(v) for v in facts.get("env", {}).values()]],
    )
    yield "comments", _timed(facts["comments"], "text")
    yield "log", _timed(facts["log"], "message")


def origin(dependency: Mapping[str, Any]) -> str:
    """Where a dependency came from, for eyes, by its record."""
    file = str(dependency.get("file", ""))
    if "run" not in dependency:
        return f"from the project: {file}"
    return f"from {dependency.get('operation')} {str(dependency['run'])[:8]}: {file}"


def short_digest(dependency: Mapping[str, Any]) -> str:
    """The start of the digest of what was taken, by which two of them are told apart."""
    *algorithm, digits = str(dependency.get("digest") or "").split(":", 1)
    return ":".join([*algorithm, digits[:DIGEST_DIGITS]])


def _timed(records: Sequence[dict[str, str]], key: str) -> list[list[str]]:
    times = [moment_of(record["time"]) for record in records]
    return [times, [record[key] for record in records]]


def _texts(values: Any) -> list[str]:
    return [format_value(value) for value in values]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def command_text(args: Any) -> str:
    """A command as a shell would read it."""
    if isinstance(args, list):
        import shlex

        return shlex.join(map(str, args))
    return str(args or "")


def _output_size(run: Run) -> int | None:
    try:
        return os.lstat(run_meta_path(run, "output", RUN)).st_size
    except OSError:
        return None


def _system(run: Run) -> dict[str, Any]:
    try:
        names = sorted(os.listdir(run_meta_path(run, "sys")))
    except OSError:
        return {}
    values = {}
    for name in names:
        value = _json(run, "sys", name)
        if name.endswith(".json") and value is not None:
            values[name.removesuffix(".json")] = value
    return values


def _json(run: Run, *parts: str) -> Any:
    return _if_readable(lambda: read_json_fact(run, *parts))


def _if_readable(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (GageError, OSError):
        return None
