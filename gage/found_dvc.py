"""The stages of a ``dvc.yaml``, as operations, and a pipeline of them.

What a stage takes of another's outputs comes from the newest run of that one, and else from
the project. A run dir begins without what is made in it, so that directories of outputs are
made first.
"""

import os
import posixpath
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gage.found import Found, listed, mapping, operation_name, read_foreign, remark

NAME = "dvc.yaml"
_TAKEN = ("cmd", "deps", "outs", "params", "metrics", "plots", "desc", "wdir", "always_changed")
_OTHERS = ("frozen", "meta")


def find_dvc(directory: str) -> Iterator[Found]:
    """The stages of the dvc.yaml of *directory*, which must be there. Raises GageErrors."""
    stages = mapping(mapping(read_foreign(os.path.join(directory, NAME))).get("stages"))
    usable: dict[str, dict[str, Any]] = {}
    for name, raw in stages.items():
        spec = mapping(raw)
        if "foreach" in spec or "matrix" in spec or not spec.get("cmd"):
            kind = next((k for k in ("foreach", "matrix") if k in spec), "no cmd")
            yield remark(NAME, f"{name}: {kind}: no counterpart here")
        else:
            usable[operation_name(name)] = spec
    makers = {
        _path(spec, out): name
        for name, spec in usable.items()
        for key in ("outs", "metrics", "plots")
        for out in _paths(spec.get(key))
    }
    for name, spec in usable.items():
        yield Found(name, NAME, _stage(directory, name, spec, makers), f"stage {name}")
        lost = [key for key in spec if key not in (*_TAKEN, *_OTHERS)]
        if lost:
            yield remark(NAME, f"{name}: {', '.join(lost)}: no counterpart here")
    if len(usable) > 1:
        steps = _ordered(usable, makers)
        if steps is None:
            yield remark(NAME, "no pipeline: the stages depend on each other in a circle")
            return
        pipeline = {"description": "All stages", "default": True, "steps": steps}
        name = "pipeline" if "pipeline" not in usable else "all-stages"
        yield Found(name, NAME, pipeline, f"runs {', '.join(steps)}")


def _stage(
    directory: str, name: str, spec: Mapping[str, Any], makers: Mapping[str, str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(spec.get("desc"), str):
        found["description"] = spec["desc"].strip()
    outs = [
        _path(spec, out) for key in ("outs", "metrics", "plots") for out in _paths(spec.get(key))
    ]
    folders = sorted({posixpath.dirname(out) for out in outs} - {""})
    commands = [str(command) for command in listed(spec["cmd"])]
    if isinstance(spec.get("wdir"), str):
        commands.insert(0, f"cd {shlex.quote(spec['wdir'])}")
    if folders:
        commands.insert(0, f"mkdir -p {shlex.join(folders)}")
    found["exec"] = " && ".join(commands)
    config = [
        selector for item in listed(spec.get("params")) for selector in _selectors(directory, item)
    ]
    if config:
        found["config"] = config
    depends = list(_depends(directory, name, spec, makers))
    if depends:
        found["depends"] = depends
    summary = next((p for p in _paths(spec.get("metrics")) if p.endswith(".json")), None)
    if summary:
        found["summary"] = _path(spec, summary)
    return found


def _depends(
    directory: str, name: str, spec: Mapping[str, Any], makers: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    from gage.patterns import literal

    for dep in (_path(spec, dep) for dep in _paths(spec.get("deps"))):
        maker = _maker(dep, makers)
        pattern = literal(dep)
        if maker and maker != name:
            yield {"run": maker, "files": pattern}
        elif os.path.isdir(os.path.join(directory, dep)):
            yield {"files": f"{pattern}/**"}
        elif not dep.endswith((".py", ".sh", ".yaml", ".yml", ".toml")):
            # These are source code, and copied anyway.
            yield {"files": pattern}


def _maker(path: str, makers: Mapping[str, str]) -> str | None:
    while path and path != ".":
        if path in makers:
            return makers[path]
        path = posixpath.dirname(path)
    return None


def _ordered(
    stages: Mapping[str, Mapping[str, Any]], makers: Mapping[str, str]
) -> list[str] | None:
    """The names of *stages*, each behind those that it needs; None where they go in a circle."""
    from graphlib import CycleError, TopologicalSorter

    needs = {
        name: [
            maker
            for dep in _paths(spec.get("deps"))
            if (maker := _maker(_path(spec, dep), makers)) and maker != name
        ]
        for name, spec in stages.items()
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError:
        return None


def _selectors(directory: str, item: Any) -> list[str]:
    """The selectors of config for an item of ``params``: a key of params.yaml, or of a file."""
    if isinstance(item, str):
        return _keys(directory, "params.yaml", [item])
    return [
        selector
        for file, keys in mapping(item).items()
        for selector in (_keys(directory, file, list(map(str, listed(keys)))) or [file])
    ]


def _keys(directory: str, file: str, keys: Sequence[str]) -> list[str]:
    from gage.found_scripts import config_of

    found = []
    known = config_of(directory, [file])
    for key in keys:
        within = any(name.startswith(f"{key}.") for name in known)
        found.append(f"{file}#{key}.**" if within else f"{file}#{key}")
    return found


def _paths(items: Any) -> list[str]:
    """The paths of a list whose items are paths, or mappings of a path to how it is kept."""
    paths = []
    for item in listed(items):
        paths += list(item) if isinstance(item, dict) else [str(item)]
    return paths


def _path(spec: Mapping[str, Any], path: str) -> str:
    folder = spec.get("wdir")
    return posixpath.normpath(posixpath.join(folder if isinstance(folder, str) else "", path))
