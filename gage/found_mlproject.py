"""The entry points of an ``MLproject``, as operations."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gage.found import Found, mapping, operation_name, quoted_braces, read_foreign, remark

NAME = "MLproject"
_TYPES = {"float": "number", "path": "path", "string": "string", "uri": "string", "int": "int"}


def find_mlproject(directory: str) -> Iterator[Found]:
    """The entry points of the MLproject of *directory*, which must be there. Raises GageErrors."""
    data = mapping(read_foreign(os.path.join(directory, NAME)))
    for key in ("conda_env", "docker_env", "python_env"):
        if key in data:
            yield remark(NAME, f"{key}: runs use the environment that gage is called in")
    for name, raw in mapping(data.get("entry_points")).items():
        spec = mapping(raw)
        command = spec.get("command")
        if not isinstance(command, str):
            yield remark(NAME, f"{name}: no command")
            continue
        definition = _definition(name, command, mapping(spec.get("parameters")))
        yield Found(operation_name(name), NAME, definition, f"entry point {name}")


def _definition(name: str, command: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    def value(match: re.Match[str]) -> str:
        return f"${{{match[1]}}}" if match[1] in parameters else match[0]

    text = re.sub(r"(?<![${])\{([\w-]+)\}", value, quoted_braces(command))
    found: dict[str, Any] = {"default": True} if name == "main" else {}
    found["exec"] = text.strip()
    if parameters:
        found["flags"] = {name: _flag(spec) for name, spec in parameters.items()}
    return found


def _flag(spec: Any) -> dict[str, Any]:
    spec = {"type": spec} if isinstance(spec, str) else mapping(spec)
    found: dict[str, Any] = {}
    if spec.get("default") is not None:
        found["default"] = spec["default"]
    else:
        found["required"] = True
    kind = _TYPES.get(str(spec.get("type", "")))
    if kind:
        found["type"] = kind
    return found
