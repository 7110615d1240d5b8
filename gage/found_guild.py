"""The operations of a ``guild.yml``, as those of a gage file.

Its two forms are taken: operations by name, and a list of models that have operations, which
become namespaces. A main module whose text speaks of argparse, click or sys.argv gets its
flags as options, any other finds them as constants, as Guild does.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from gage.found import Found, listed, mapping, operation_name, read_foreign, remark
from gage.found_scripts import config_of

NAME = "guild.yml"
_TYPES = {"existing-path": "path", "path": "path", "string": "string", "int": "int"} | {
    "float": "float", "number": "number", "boolean": "boolean",
}  # fmt: skip
_KNOWN = ("main", "exec", "flags", "flags-dest", "requires", "steps", "description", "default")
_ALSO = ("env", "output-scalars", "label", "name")


def find_guild(directory: str) -> Iterator[Found]:
    """The operations of the guild.yml of *directory*, which must be there. Raises GageErrors."""
    data = read_foreign(os.path.join(directory, NAME))
    if isinstance(data, dict) and not {"model", "config", "operations"} & set(data):
        yield from _operations(directory, "", data)
        return
    for item in listed(data):
        part = mapping(item)
        if "operations" not in part:
            yield remark(NAME, f"{', '.join(map(str, part)) or 'an item'}: no operations")
            continue
        model = part.get("model")
        yield from _operations(directory, str(model or ""), mapping(part["operations"]))


def _operations(directory: str, model: str, operations: Mapping[str, Any]) -> Iterator[Found]:
    namespace = operation_name(model) if model else ""
    for name, spec in operations.items():
        if name.startswith("$"):
            yield remark(NAME, f"{name}: not taken")
            continue
        spec = {"main": spec} if isinstance(spec, str) else mapping(spec)
        definition = _definition(directory, spec)
        if definition is None:
            yield remark(NAME, f"{name}: neither main nor exec nor steps")
            continue
        yield Found(operation_name(name, namespace), NAME, definition, f"operation {name}")
        lost = [key for key in spec if key not in (*_KNOWN, *_ALSO)]
        if lost:
            yield remark(NAME, f"{name}: {', '.join(lost)}: no counterpart here")


def _definition(directory: str, spec: Mapping[str, Any]) -> dict[str, Any] | None:
    flags = {
        name: _flag(value)
        for name, value in mapping(spec.get("flags")).items()
        if not name.startswith("$")
    }
    found: dict[str, Any] = {}
    if isinstance(spec.get("description"), str):
        found["description"] = spec["description"].strip()
    if spec.get("default") is True:
        found["default"] = True
    if spec.get("steps"):
        found["steps"] = [_step(step) for step in listed(spec["steps"])]
    elif isinstance(spec.get("exec"), str):
        found["exec"] = spec["exec"].replace("${flag_args}", _arguments(spec, flags)).strip()
    elif isinstance(spec.get("main"), str) and spec["main"].strip():
        found |= _main(directory, spec, flags)
    else:
        return None
    if flags:
        found["flags"] = flags
    depends = [d for item in listed(spec.get("requires")) for d in _dependency(item)]
    if depends and "steps" not in found:
        found["depends"] = depends
    if mapping(spec.get("env")):
        found["env"] = spec["env"]
    metrics = _metrics(spec.get("output-scalars"))
    if metrics and "steps" not in found:
        found["metrics"] = metrics
    return found


def _main(directory: str, spec: Mapping[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    module, *arguments = shlex.split(spec["main"])
    file = module.replace(".", "/") + ".py"
    start = ["python", file] if "." not in module else ["python", "-m", module]
    words = " ".join([shlex.join(start), *arguments])
    kind, _, place = str(spec.get("flags-dest") or "").partition(":")
    if kind == "config" and place:
        return {"exec": words, "config": place}
    if kind in ("args", "") and (kind or _reads_arguments(os.path.join(directory, file))):
        return {"exec": f"{words} {_arguments(spec, flags)}".strip()}
    found: dict[str, Any] = {"exec": words}
    if os.path.isfile(os.path.join(directory, file)):
        keys = config_of(directory, [file])
        if keys:
            found["config"] = file
    return found


def _reads_arguments(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            text = file.read(1_000_000)
    except OSError:
        return True
    return bool(re.search(rb"\b(argparse|click|sys\.argv|typer|fire)\b", text))


def _arguments(spec: Mapping[str, Any], flags: Mapping[str, Any]) -> str:
    declared = mapping(spec.get("flags"))
    names = {n: mapping(declared.get(n)).get("arg-name") or n for n in flags}
    return " ".join(f"--{shlex.quote(str(names[name]))} ${{{name}}}" for name in flags)


def _flag(value: Any) -> Any:
    if isinstance(value, list):
        # Several values are a batch in Guild; the first is what one run has.
        return value[0] if value else {}
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    if value.get("default") is not None and not isinstance(value["default"], list):
        found["default"] = value["default"]
    if value.get("type") in _TYPES:
        found["type"] = _TYPES[value["type"]]
    choices = [
        mapping(c).get("value") if isinstance(c, dict) else c for c in listed(value.get("choices"))
    ]
    if choices:
        found["choices"] = choices
    found |= {key: value[key] for key in ("min", "max") if value.get(key) is not None}
    if value.get("required") is True and "default" not in found:
        found["required"] = True
    if isinstance(value.get("description"), str):
        found["description"] = value["description"].strip()
    return found


def _dependency(item: Any) -> list[dict[str, Any]]:
    item = {"file": item} if isinstance(item, str) else mapping(item)
    if isinstance(item.get("operation"), str):
        found: dict[str, Any] = {"run": item["operation"]}
        select = item.get("select")
        return [found | ({"files": listed(select)} if select else {})]
    if isinstance(item.get("file"), str):
        return [{"files": item["file"]}]
    return []


def _step(step: Any) -> Any:
    if not isinstance(step, dict):
        return str(step)
    found: dict[str, Any] = {"run": str(step.get("run", ""))}
    for key in ("name", "flags", "label", "isolate-runs"):
        if step.get(key) is not None:
            found[key] = step[key]
    return found


def _metrics(value: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in listed(value):
        for name, pattern in mapping(item).items():
            if isinstance(pattern, str) and name != "step" and "\\key" not in pattern:
                found[name] = pattern.replace(r"\value", r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")
    return found
