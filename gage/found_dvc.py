"""The stages of a ``dvc.yaml``, as operations, and a pipeline of them.

What a stage takes of another's outputs comes from the newest run of that one, and else from
the project. A run dir begins without what is made in it, so that directories of outputs are
made first.
"""

import os
import posixpath
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from gage.dvc_groups import stages_of
from gage.dvc_stage import Stage, read_stage
from gage.dvc_values import default_values, with_vars
from gage.errors import ConfigError, GageError
from gage.found import Found, mapping, operation_name, read_foreign, remark

NAME = "dvc.yaml"


def find_dvc(directory: str) -> Iterator[Found]:
    """The stages of the dvc.yaml of *directory*, which must be there. Raises GageErrors."""
    data = mapping(read_foreign(os.path.join(directory, NAME)))
    lost = [key for key in data if key not in ("stages", "vars")]
    if lost:
        yield remark(NAME, f"{', '.join(map(str, lost))}: no counterpart here")
    values = default_values(directory)
    if data.get("vars"):
        try:
            values = with_vars(values, data["vars"], directory, "")
            yield remark(NAME, "vars: their values stand where they are used, and are no flags")
        except GageError as error:
            yield remark(NAME, error.message)
    stages, troubles = _stages(mapping(data.get("stages")), values, directory)
    for name, trouble in troubles.items():
        yield remark(NAME, f"{name}: {trouble}")
    makers = {out: name for name, stage in stages.items() for out in stage.outs}
    for name, stage in stages.items():
        yield Found(name, NAME, _operation(directory, name, stage, makers), _about(name, stage))
        for line in stage.lost:
            yield remark(NAME, f"{name}: {line}")
    if len(stages) > 1:
        steps = _ordered(stages, makers)
        if steps is None:
            yield remark(NAME, "no pipeline: the stages depend on each other in a circle")
            return
        description = f"All stages but {', '.join(troubles)}" if troubles else "All stages"
        pipeline = {"description": description, "default": True, "steps": steps}
        name = "pipeline" if "pipeline" not in stages else "all-stages"
        yield Found(name, NAME, pipeline, f"runs {', '.join(steps)}")


def _stages(
    definitions: Mapping[str, Any], values: Mapping[str, Any], directory: str
) -> tuple[dict[str, Stage], dict[str, str]]:
    """The stages by the names of their operations; and of what is none of them, why."""
    stages: dict[str, Stage] = {}
    troubles: dict[str, str] = {}
    for group, spec in definitions.items():
        try:
            of_group = stages_of(group, mapping(spec), values)
        except ConfigError as error:
            troubles[group] = error.message
            continue
        for name, definition, own in of_group:
            called = operation_name(name)
            try:
                if called in stages:
                    raise ConfigError(f"another stage is called {called} here")
                stages[called] = read_stage(definition, own, directory)
            except GageError as error:
                troubles[name] = error.message
    return stages, troubles


def _about(name: str, stage: Stage) -> str:
    # Who forgot a module among the deps shall not have to find out why it is not there.
    return f"stage {name}" + (f", whose deps name its code: {stage.code[0]}" if stage.code else "")


def _operation(
    directory: str, name: str, stage: Stage, makers: Mapping[str, str]
) -> dict[str, Any]:
    from gage.patterns import literal

    found: dict[str, Any] = {"description": stage.description} if stage.description else {}
    commands = [f"cd {shlex.quote(stage.folder)}"] if stage.folder else []
    folders = sorted({posixpath.dirname(out) for out in stage.outs} - {""})
    if folders:
        commands.insert(0, f"mkdir -p {shlex.join(folders)}")
    found["exec"] = " && ".join([*commands, *stage.commands])
    if stage.config:
        found["config"] = stage.config
    made = {
        path: maker
        for path in (*stage.code, *stage.data)
        if (maker := _maker(path, makers)) and maker != name
    }
    code = [path for path in stage.code if path not in made]
    if code:
        values = [selector.partition("#")[0] for selector in stage.config]
        source = dict.fromkeys([*code, *stage.runs, *values])
        found["sourcecode"] = [_pattern(directory, path) for path in source]
    depends: list[dict[str, Any]] = [
        {"run": maker, "files": literal(path)} for path, maker in made.items()
    ]
    depends += [{"files": _pattern(directory, p)} for p in stage.data if p not in made]
    if depends:
        found["depends"] = depends
    if stage.summary:
        found["summary"] = stage.summary
    return found


def _pattern(directory: str, path: str) -> str:
    from gage.patterns import literal

    return literal(path) + ("/**" if os.path.isdir(os.path.join(directory, path)) else "")


def _maker(path: str, makers: Mapping[str, str]) -> str | None:
    while path and path != ".":
        if path in makers:
            return makers[path]
        path = posixpath.dirname(path)
    return None


def _ordered(stages: Mapping[str, Stage], makers: Mapping[str, str]) -> list[str] | None:
    """The names of *stages*, each behind those that it needs; None where they go in a circle."""
    from graphlib import CycleError, TopologicalSorter

    needs = {
        name: [
            maker
            for path in (*stage.code, *stage.data)
            if (maker := _maker(path, makers)) and maker != name
        ]
        for name, stage in stages.items()
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError:
        return None
