"""The shape of each fact: what its bytes must look like, whatever else they claim."""

import os
import re
from collections.abc import Callable
from typing import Any

from gage.digest import ALGORITHMS, algorithm_of
from gage.errors import ConfigError, GageError, StateError
from gage.files_log import FileEvent, parse_event
from gage.manifest import is_digest, is_run_path, parse_manifest
from gage.opdef import (
    OpDef,
    config_selectors,
    dependencies,
    digest_algorithm,
    flag_defs,
    forced_names,
    metric_patterns,
    open_names,
    phases,
    sourcecode_rule,
)
from gage.opref import format_opref, parse_opref
from gage.output import NAMES
from gage.run import RUN_ID, SCHEMA, STAMPS

_STAMP = re.compile("[0-9]{1,18}")
_EXIT = re.compile("0|-?[1-9][0-9]{0,9}")
_PID = re.compile("[1-9][0-9]{0,9}")
_HALF_LINES = {
    "log/runner": re.compile(r"[0-9]{1,4}|[0-9]{4}-[0-9T:.-]*(Z( .*)?)?", re.DOTALL),
    "log/files": re.compile(r"\\?[amd]( ([sdrg]( .*)?)?)?|\\", re.DOTALL),
    "log/patched": re.compile(r"[-+@ \\].*", re.DOTALL),
}
_ACTION = re.compile(r"\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z .+", re.ASCII)

"""In the order in which they are taken."""


def is_known(name: str) -> bool:
    """Whether a meta dir may have a file *name*; that of an attempt is named as in the run."""
    folder, _, base = name.rpartition("/")
    if folder == "output":
        return base.removesuffix(".index") in NAMES
    return name in _SHAPES or (folder == "sys" and base.endswith(".json"))


def shape_trouble(name: str, data: bytes) -> str:
    """Why *data* cannot be the fact *name*, one that is known; empty where it can."""
    text = data.decode("utf-8", "surrogateescape")
    if name == "proc/lock":
        return "" if _PID.fullmatch(text) else "is no process ID"
    if not text:
        # A log that was begun by a verb that was killed then has nothing in it.
        return "" if name == "manifest" or name.startswith("log/") else "is empty"
    if is_cut(name, data):
        whole, _, half = data.rpartition(b"\n")
        if not _HALF_LINES[name].fullmatch(half.decode("utf-8", "surrogateescape")):
            return "ends in what is no half of a line of it"
        return shape_trouble(name, whole + b"\n") if whole else ""
    if not text.endswith("\n"):
        return "is cut: its last newline is missing"
    return _SHAPES.get(name, _any_json)(text[:-1])


def parsed_json(text: str) -> Any:
    """The value of *text*. Raises ValueError where it is no JSON."""
    import json

    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError from None


def is_cut(name: str, data: bytes) -> bool:
    """Whether the log *name* ends in half a line, as a crash leaves it."""
    return name in _HALF_LINES and bool(data) and not data.endswith(b"\n")


def _matching(pattern: "re.Pattern[str]", what: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else f"is no {what}"


def _schema(text: str) -> str:
    return "" if text == SCHEMA else f"is not {SCHEMA}: another gage made the run, or it is damaged"


def _opref(text: str) -> str:
    try:
        return "" if format_opref(parse_opref(text)) == text else "is no operation"
    except ConfigError:
        return "is no operation"


def _json(is_right: Callable[[Any], bool], what: str) -> Callable[[str], str]:
    def trouble(text: str) -> str:
        try:
            return "" if is_right(parsed_json(text)) else f"is not {what}"
        except ValueError:
            return "is no JSON"

    return trouble


_any_json = _json(lambda value: True, "")


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all_are(is_right: Callable[[Any], bool], values: Any) -> bool:
    return all(map(is_right, values))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_word(value: Any) -> bool:
    """Whether *value* can be an argument, or a variable: half a character cannot."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and _all_are(_is_word, value)


def _is_definition(value: Any) -> bool:
    from gage.pipeline import named_steps

    if not isinstance(value, dict):
        return False
    opdef = OpDef("", value)
    parts = (phases, flag_defs, config_selectors, dependencies, metric_patterns, named_steps)
    try:
        for part in (*parts, sourcecode_rule, forced_names, open_names):
            part(opdef)
    except (GageError, AttributeError, LookupError, TypeError, ValueError):
        return False
    return digest_algorithm(opdef) in ALGORITHMS


def _is_config(value: Any) -> bool:
    return isinstance(value, dict) and _all_are(_is_scalar, value.values())


def _is_command(value: Any) -> bool:
    return bool(value) and (_is_word(value) or _is_words(value))


def _is_environment(value: Any) -> bool:
    return isinstance(value, dict) and _all_are(_is_word, [*value, *value.values()])


def _is_summary(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"metrics", "attributes"}
        and all(isinstance(part, dict) for part in value.values())
        and _all_are(_is_number, value["metrics"].values())
        and _all_are(_is_scalar, value["attributes"].values())
    )


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, list) and _all_are(_is_dependency, value)


def _is_dependency(record: Any) -> bool:
    if not isinstance(record, dict) or not _all_are(_is_text, record.values()):
        return False
    return is_run_path(record.get("path", "")) and is_digest(record.get("digest", ""))


def _actions(text: str) -> str:
    for number, line in enumerate(text.split("\n"), 1):
        if not _ACTION.fullmatch(line) and not _HALF_LINES["log/runner"].fullmatch(line):
            return f"line {number} tells no action and its time"
    return ""


def _events(text: str) -> str:
    for number, line in enumerate(text.split("\n"), 1):
        event = parse_event(line)
        if event is None or not _is_event(event):
            return f"line {number} tells no event of a file"
    return ""


def _is_event(event: FileEvent) -> bool:
    is_known = event.event in ("a", "m", "d") and event.type in ("s", "d", "r", "g")
    return is_known and (event.mtime is None) == (event.event == "d") and is_run_path(event.path)


def _patches(text: str) -> str:
    from gage.patch import is_whole

    whole = is_whole(f"{text}\n".encode("utf-8", "surrogateescape"))
    return "" if whole else "is no patch, or a patch that is cut"


def _manifest(text: str) -> str:
    try:
        entries = parse_manifest(text)
    except StateError as error:
        return error.message
    seen: set[str] = set()
    for entry in entries:
        if entry.path in seen:
            return f"has {entry.path!r} twice"
        seen.add(entry.path)
        if algorithm_of(entry.digest) not in (*ALGORITHMS, "link"):
            return f"has a digest of {entry.path!r} by an algorithm that gage does not know"
    return ""


_SHAPES: dict[str, Callable[[str], str]] = {
    "__schema__": _schema,
    "id": _matching(RUN_ID, "run ID"),
    "parent": _matching(RUN_ID, "run ID"),
    "opref": _opref,
    "opdef.json": _json(_is_definition, "the definition of an operation"),
    "config.json": _json(_is_config, "an object of numbers and texts"),
    "given.json": _json(_is_words, "an array of texts"),
    "proc/cmd.json": _json(_is_command, "a text or an array of texts"),
    "proc/env.json": _json(_is_environment, "an object of texts"),
    "proc/exit": _matching(_EXIT, "exit code"),
    "proc/lock": _matching(_PID, "process ID"),
    "summary.json": _json(_is_summary, "metrics and attributes"),
    "dependencies.json": _json(_is_dependencies, "an array of dependencies"),
    "manifest": _manifest,
    "log/runner": _actions,
    "log/files": _events,
    "log/patched": _patches,
    **dict.fromkeys(STAMPS, _matching(_STAMP, "time stamp")),
}
