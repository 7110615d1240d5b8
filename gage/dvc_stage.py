"""A stage of a ``dvc.yaml``, with its values put in, and its paths those of the project.

What cannot be taken for what it should be is told in *lost*, a line each.
"""

import os
import posixpath
import re
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from gage.dvc_values import (
    PARAMS,
    filled_command,
    find_value,
    is_plain,
    references,
    resolved,
    with_vars,
)
from gage.errors import ConfigError
from gage.found import as_list, is_program, mapping
from gage.found_scripts import config_of

_CODE = (
    ".py", ".sh", ".bash", ".ipynb", ".r", ".jl", ".pl", ".rb", ".lua", ".js", ".ts", ".sql",
    ".awk", ".sed", ".mk", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".go", ".java", ".scala", ".m",
)  # fmt: skip
_KNOWN = ("cmd", "deps", "outs", "params", "metrics", "plots", "desc", "wdir", "vars")


class Stage(NamedTuple):
    """A stage: its commands, and what they read and write.

    *code* are the dependencies that are code, and *runs* what the commands name besides.
    """

    description: str
    folder: str
    commands: list[str]
    config: list[str]
    code: list[str]
    runs: list[str]
    data: list[str]
    outs: list[str]
    summary: str
    lost: list[str]


def read_stage(raw: Mapping[str, Any], values: Mapping[str, Any], directory: str) -> Stage:
    """The stage that *raw* defines with *values*. Raises ConfigError for what is none."""
    if not raw.get("cmd"):
        raise ConfigError("no cmd")
    lost = [key for key in raw if key not in _KNOWN and raw[key]]
    lost += ["plots"] if raw.get("plots") else []
    lost = [f"{', '.join(lost)}: no counterpart here"] if lost else []
    if "vars" in raw:
        values = with_vars(values, raw["vars"], directory, str(raw.get("wdir") or ""))
    spec = {key: resolved(raw[key], values) for key in _KNOWN if key in raw and key != "cmd"}
    folder = spec.get("wdir") or ""
    if not isinstance(folder, str):
        raise ConfigError(f"wdir: {folder}: no path")

    def paths(key: str) -> list[str]:
        found, wrong = _paths(folder, spec.get(key))
        lost.extend(f"{key}: {item}: {why}" for item, why in wrong)
        return found

    selectors = [
        selector
        for item in as_list(spec.get("params"))
        for selector in _selectors(directory, folder, item, lost)
    ]
    # What paths are made of must not change in the command alone.
    fixed = references(str([raw[key] for key in spec]))
    tunable = _tunable(directory, values) - set(fixed)
    texts = [str(command) for command in as_list(raw["cmd"])]
    names = [name for text in texts for name in references(text) if name in tunable]
    selectors += [f"{PARAMS}#{name}" for name in dict.fromkeys(names)]
    commands = [filled_command(text, values, tunable) for text in texts]
    deps, metrics = paths("deps"), paths("metrics")
    outs = [*paths("outs"), *metrics, *paths("plots")]
    summary = next((path for path in metrics if path.endswith(".json")), "")
    lost += [_no_summary(path, summary) for path in metrics if path != summary]
    named = _named(commands, directory, folder)
    code = [path for path in deps if _is_code(directory, path, named)]
    return Stage(
        description=spec["desc"].strip() if isinstance(spec.get("desc"), str) else "",
        folder=folder,
        commands=commands,
        config=list(dict.fromkeys(selectors)),
        code=code,
        runs=[path for path in named if not _covered(path, [*deps, *outs])],
        data=[path for path in deps if path not in code],
        outs=outs,
        summary=summary,
        lost=lost,
    )


def _no_summary(path: str, summary: str) -> str:
    why = f"a run has one summary, here {summary}" if summary else "no JSON, as a summary is"
    return f"metrics: {path}: {why}"


def _paths(folder: str, items: Any) -> tuple[list[str], list[tuple[Any, str]]]:
    """The paths of a list of them, or of mappings of one to how it is kept; and what is none."""
    found, wrong = [], []
    for item in as_list(items):
        for path in item if isinstance(item, dict) else [item]:
            if not isinstance(path, str) or not path.strip() or "\0" in path:
                wrong.append((path, "no path"))
                continue
            inner = posixpath.normpath(posixpath.join(folder, path))
            if "://" in path or inner.startswith(("/", "../")) or inner in ("..", "."):
                wrong.append((path, "not within the project, and not copied"))
            else:
                found.append(inner)
    return found, wrong


def _selectors(directory: str, folder: str, item: Any, lost: list[str]) -> list[str]:
    """The selectors of config for an item of ``params``: a key of params.yaml, or of a file."""
    files = {PARAMS: [item]} if isinstance(item, str) else mapping(item)
    found = []
    for name, keys in files.items():
        file = posixpath.normpath(posixpath.join(folder, name))
        texts = list(map(str, as_list(keys)))
        found += _keys(directory, file, texts, lost) if texts else [file]
    return found


def _keys(directory: str, file: str, keys: list[str], lost: list[str]) -> list[str]:
    known = config_of(directory, [file])
    found = []
    for key in keys:
        if any(name.startswith(f"{key}.") for name in known):
            found.append(f"{file}#{key}.**")
        elif key in known or not known:
            found.append(f"{file}#{key}")
        else:
            lost.append(f"params: {key}: not in {file}")
    return found


def _tunable(directory: str, values: Mapping[str, Any]) -> frozenset[str]:
    """The names of what params.yaml has that may stay as they are in a command."""
    if not os.path.isfile(os.path.join(directory, PARAMS)):
        return frozenset()
    from gage.config import read_config

    try:
        constants = read_config(directory, [PARAMS])
    except ConfigError:
        return frozenset()
    return frozenset(
        name
        for name, constant in constants.items()
        if re.fullmatch(r"[A-Za-z_][\w.]*", name)
        and is_plain(constant.value)
        and find_value(name, values) == constant.value
    )


def _named(commands: list[str], directory: str, folder: str) -> list[str]:
    """The files of the project that *commands* name."""
    found = []
    for command in commands:
        try:
            words = shlex.split(command)
        except ValueError:
            words = command.split()
        for word in words:
            path = posixpath.normpath(posixpath.join(folder, word.strip(";&|()")))
            inside = not path.startswith(("/", "../"))
            if inside and "\0" not in path and os.path.isfile(os.path.join(directory, path)):
                found.append(path)
    return list(dict.fromkeys(found))


def _is_code(directory: str, path: str, named: list[str]) -> bool:
    """Whether a dependency is code: by its suffix, being a program, or holding such."""
    whole = os.path.join(directory, path)
    try:
        if not os.path.isdir(whole):
            return path.lower().endswith(_CODE) or is_program(whole)
        names = os.listdir(whole)
    except OSError:
        return False
    return any(name.lower().endswith(_CODE) for name in names) or any(
        file.lower().endswith(_CODE) and _covered(file, [path]) for file in named
    )


def _covered(path: str, places: list[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)
