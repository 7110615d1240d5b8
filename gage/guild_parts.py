"""The parts of an operation of Guild as those of a gage file.

What of a part has no counterpart is appended to *lost*, a line each.
"""

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gage.errors import ConfigError
from gage.found import as_list, mapping, operation_name

_STEP_KEYS = ("run", "name", "flags", "label", "isolate-runs", "needed", "tag", "tags", "expect")
_DIALECT = re.compile(r"[\\^$+(){}|]|\.[*?]")
"""What in a regular expression means something else in a pattern of files."""


def source_patterns(value: Any, needed: Sequence[str], lost: list[str]) -> Any:
    """What ``sourcecode`` is here; None for the default.

    *needed* are the script of the operation and its config, which Guild finds in the project
    whatever is copied.
    """
    if isinstance(value, bool):
        if needed and not value:
            lost.append("sourcecode: no: a run has only what is copied, so it gets the default")
            return None
        return value
    if isinstance(value, dict) and not {"include", "exclude"} & value.keys():
        _lose(lost, "sourcecode", (key for key in value if key != "select"))
        value = value.get("select")
    patterns = [pattern for item in as_list(value) for pattern in _patterns(item, lost)]
    if patterns and (patterns[0].startswith("-") or not _takes(patterns, needed)):
        # Guild begins with all text, and a pattern of a mapping only changes that.
        patterns.insert(0, "*")
        lost.append("sourcecode: it begins with *, all files, where Guild takes text alone")
    return patterns or None


def depends(
    items: Any, name: str, operations: Container[str], lost: list[str]
) -> list[dict[str, Any]]:
    """What ``requires`` of the operation *name*, beside *operations*, is here."""
    found: list[dict[str, Any]] = []
    for item in as_list(items):
        spec = mapping(item)
        if isinstance(item, str):
            is_operation = item in operations and item != name
            found.append({"run": _called(item)} if is_operation else {"files": item})
        elif isinstance(spec.get("operation"), str):
            select = [str(pattern) for pattern in as_list(spec.get("select"))]
            more = {"files": select} if select else {}
            found.append({"run": _called(spec["operation"]), **more})
            if any(map(_DIALECT.search, select)):
                lost.append(f"requires: select: {', '.join(select)}: patterns of files here")
            _lose(lost, "requires", (key for key in spec if key not in ("operation", "select")))
        elif isinstance(spec.get("file"), str):
            found.append({"files": spec["file"]})
            _lose(lost, "requires", (key for key in spec if key != "file"))
        else:
            _lose(lost, "requires", spec or [item])
    return found


def metrics(value: Any, lost: list[str]) -> dict[str, str]:
    """What ``output-scalars`` are here."""
    found: dict[str, str] = {}
    for item in [] if isinstance(value, bool) else as_list(value):
        for name, pattern in mapping(item).items() or _of_group(item):
            if name == "step":
                lost.append(
                    f"output-scalars: step: {pattern}: the step of a value is what its line says "
                    "as step: N, or the group `step` of its own pattern"
                )
            elif not isinstance(pattern, str) or "\\key" in pattern:
                _lose(lost, "output-scalars", [f"{name}: {pattern}"])
            else:
                number = r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?"
                found[name] = pattern.replace(r"\value", number).replace(r"\step", "[0-9]+")
    return found


def step(item: Any, number: int, operations: Container[str], lost: list[str]) -> Any:
    """What a step is here, beside *operations*; *number* is its own, from 0."""
    if not isinstance(item, dict):
        return _called(str(item)) if item in operations else str(item)
    run = str(item.get("run") or "")
    found: dict[str, Any] = {"run": _called(run) if run in operations else run}
    if item.get("needed") is True and found["run"]:
        found["run"] += " --needed"
    for key in ("name", "flags", "label", "isolate-runs"):
        if item.get(key) is not None:
            found[key] = item[key]
    tags = [str(tag) for key in ("tag", "tags") for tag in as_list(item.get(key))]
    if tags:
        found["tags"] = tags
    files: list[Any] = []
    for check in as_list(item.get("expect")):
        if isinstance(check, dict) and check.keys() == {"file"}:
            files.append(check["file"])
        else:
            _lose(lost, f"steps.{number}: expect", _told(check))
    if files:
        found["expect"] = {"files": files}
    _lose(lost, f"steps.{number}", (key for key in item if key not in _STEP_KEYS))
    return found


def _called(text: str) -> str:
    """What the operation *text*, or ``MODEL:OPERATION``, is called here."""
    return ":".join(map(operation_name, text.split(":", 1)))


def _patterns(item: Any, lost: list[str]) -> Iterator[str]:
    if not isinstance(item, dict):
        yield str(item)
        return
    for key, value in item.items():
        sign = {"include": "", "exclude": "-"}.get(key)
        if sign is None:
            _lose(lost, "sourcecode", [key])
            continue
        for part in as_list(value):
            if isinstance(part, str):
                yield sign + part
                continue
            for kind, pattern in mapping(part).items():
                if kind == "dir" and isinstance(pattern, str):
                    yield f"{sign}{pattern.rstrip('/')}/"
                else:
                    _lose(lost, f"sourcecode: {key}", [f"{kind}: {pattern}"])


def _takes(patterns: Sequence[str], needed: Sequence[str]) -> bool:
    from gage.patterns import compile_patterns

    try:
        return all(map(compile_patterns(patterns), map(os.path.normpath, needed)))
    except ConfigError:
        return True  # the check of what was found says more of it


def _of_group(item: Any) -> list[tuple[str, Any]]:
    """The scalar that a pattern without a key finds: that of its only group, which names it."""
    groups = re.findall(r"(?<!\\)\((?:\?P<(\w+)>|(?!\?))", item) if isinstance(item, str) else []
    return [(groups[0], item)] if len(groups) == 1 and groups[0] else [("pattern", [item])]


def _told(check: Any) -> list[str]:
    checks: Mapping[str, Any] = check if isinstance(check, dict) else {"check": check}
    return [f"{key}: {value}" for key, value in checks.items()]


def _lose(lost: list[str], place: str, what: Iterable[Any]) -> None:
    told = ", ".join(map(str, what))
    if told:
        lost.append(f"{place}: {told}: no counterpart here")
