"""The operations of a ``guild.yml``, as those of a gage file.

Its two forms are taken: operations by name, and a list of models that have operations, which
become namespaces. A main module whose text speaks of argparse, click or sys.argv gets its
flags as options, any other finds them as constants, as Guild does.
"""

import os
import re
import shlex
from collections.abc import Container, Iterator, Mapping
from typing import Any

from gage.found import Found, as_list, mapping, operation_name, read_foreign, remark
from gage.found_scripts import config_of
from gage.guild_parts import depends, metrics, source_patterns, step
from gage.python_name import python_name

NAME = "guild.yml"
_TYPES = {"existing-path": "path", "path": "path", "string": "string", "int": "int"} | {
    "float": "float", "number": "number", "boolean": "boolean",
}  # fmt: skip
_KNOWN = (
    "main", "exec", "flags", "flags-dest", "steps", "description", "default", "env", "label",
    "name",
)  # fmt: skip
_OF_STEPS = ("requires", "output-scalars", "sourcecode")
_FLAG_KEYS = ("default", "type", "choices", "min", "max", "required", "description", "arg-name")


def find_guild(directory: str) -> Iterator[Found]:
    """The operations of the guild.yml of *directory*, which must be there. Raises GageErrors."""
    data = read_foreign(os.path.join(directory, NAME))
    if isinstance(data, dict) and not {"model", "config", "operations"} & set(data):
        yield from _operations(directory, "", data, None)
        return
    for item in as_list(data):
        part = mapping(item)
        if "operations" not in part:
            yield remark(NAME, f"{', '.join(map(str, part)) or 'an item'}: no operations")
            continue
        model = str(part.get("model") or "")
        lost = [key for key in part if key not in ("model", "operations", "sourcecode")]
        if lost:
            yield remark(NAME, f"{model or 'a model'}: {', '.join(lost)}: no counterpart here")
        operations = part["operations"]
        if not isinstance(operations, dict):
            yield remark(NAME, f"{model or 'a model'}: operations: {operations}: no mapping")
            continue
        yield from _operations(directory, model, operations, part.get("sourcecode"))


def _operations(
    directory: str, model: str, operations: Mapping[str, Any], sourcecode: Any
) -> Iterator[Found]:
    """The *operations* of a *model*; *sourcecode* is that of those without their own."""
    namespace = operation_name(model) if model else ""
    for name, spec in operations.items():
        if name.startswith("$"):
            yield remark(NAME, f"{name}: not taken")
            continue
        spec = {"main": spec} if isinstance(spec, str) else mapping(spec)
        lost: list[str] = []
        definition = _definition(directory, spec, operations, lost)
        if definition is None:
            yield remark(NAME, f"{name}: neither main nor exec nor steps")
            continue
        if "steps" not in definition:
            rule = spec.get("sourcecode", sourcecode)
            needed = [_script(directory, spec), definition.get("config", "")]
            source = source_patterns(rule, list(filter(None, needed)), lost)
            more = {
                "sourcecode": source,
                "depends": depends(spec.get("requires"), name, operations, lost),
                "metrics": metrics(spec.get("output-scalars"), lost),
            }
            definition |= {key: value for key, value in more.items() if value not in (None, [], {})}
        else:
            lost += [f"{key}: is for its steps to say" for key in _OF_STEPS if spec.get(key)]
        yield Found(operation_name(name, namespace), NAME, definition, f"operation {name}")
        unknown = [key for key in spec if key not in (*_KNOWN, *_OF_STEPS)]
        if unknown:
            lost.append(f"{', '.join(unknown)}: no counterpart here")
        for line in lost:
            yield remark(NAME, f"{name}: {line}")


def _definition(
    directory: str, spec: Mapping[str, Any], operations: Container[str], lost: list[str]
) -> dict[str, Any] | None:
    flags = {
        name: _flag(name, value, lost)
        for name, value in mapping(spec.get("flags")).items()
        if not name.startswith("$")
    }
    lost += [f"flags: {name}: not taken" for name in mapping(spec.get("flags")) if name[:1] == "$"]
    found: dict[str, Any] = {}
    if isinstance(spec.get("description"), str):
        found["description"] = spec["description"].strip()
    if spec.get("default") is True:
        found["default"] = True
    if spec.get("steps"):
        found["steps"] = [
            step(s, number, operations, lost) for number, s in enumerate(as_list(spec["steps"]))
        ]
    elif isinstance(spec.get("exec"), str):
        found["exec"] = spec["exec"].replace("${flag_args}", _arguments(spec, flags)).strip()
    elif isinstance(spec.get("main"), str) and spec["main"].strip():
        found |= _main(directory, spec, flags)
    else:
        return None
    if flags:
        found["flags"] = flags
    if mapping(spec.get("env")):
        found["env"] = spec["env"]
    if isinstance(spec.get("label"), str) and "${" not in spec["label"]:
        found["label"] = spec["label"]
    elif spec.get("label"):
        lost.append(f"label: {spec['label']}: a label is plain text")
    return found


def _script(directory: str, spec: Mapping[str, Any]) -> str:
    """The file of the main module, where it is one of the project."""
    words = str(spec.get("main") or "").split() if not spec.get("exec") else []
    file = words[0].replace(".", "/") + ".py" if words else ""
    return file if file and os.path.isfile(os.path.join(directory, file)) else ""


def _main(directory: str, spec: Mapping[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    module, *arguments = shlex.split(spec["main"])
    file = module.replace(".", "/") + ".py"
    start = [python_name(os.environ), *([file] if "." not in module else ["-m", module])]
    words = " ".join([shlex.join(start), *map(_quoted, arguments)])
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


def _quoted(argument: str) -> str:
    """*argument* as a word of sh(1), which Guild does without; a flag in it is quoted by gage."""
    parts = re.split(r"(\$\{[^{}]*\})", argument)
    return "".join(p if p.startswith("${") else shlex.quote(p) for p in parts if p) or "''"


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


def _flag(name: str, value: Any, lost: list[str]) -> Any:
    default = value.get("default") if isinstance(value, dict) else value
    if isinstance(default, list):
        # Several values are a batch in Guild.
        values = ",".join(map(str, default))
        lost.append(f"flags: {name}: several values: run them with {name}=[{values}]")
    if isinstance(value, list):
        return value[0] if value else {}
    if not isinstance(value, dict):
        return value
    unknown = [key for key in value if key not in _FLAG_KEYS]
    if unknown:
        lost.append(f"flags: {name}: {', '.join(unknown)}: no counterpart here")
    found: dict[str, Any] = {}
    if value.get("default") is not None and not isinstance(value["default"], list):
        found["default"] = value["default"]
    if value.get("type") in _TYPES:
        found["type"] = _TYPES[value["type"]]
    choices = [
        mapping(c).get("value") if isinstance(c, dict) else c for c in as_list(value.get("choices"))
    ]
    if choices:
        found["choices"] = choices
    found |= {key: value[key] for key in ("min", "max") if value.get(key) is not None}
    if value.get("required") is True and "default" not in found:
        found["required"] = True
    if isinstance(value.get("description"), str):
        found["description"] = value["description"].strip()
    return found
