"""What a gage file must keep beyond its shape, which is the schema's.

Everything here could be found when a run starts; it is found when the file is loaded, so
that the mistake is told to the person who just made it.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gage.command import check_command
from gage.errors import ConfigError, GageError
from gage.flags import flag_trouble, flag_variable
from gage.nearest import did_you_mean
from gage.opdef import OpDef, dependencies, flag_defs, metric_patterns, phases, raw_steps
from gage.opref import parse_opname
from gage.schema import Place, Violation
from gage.secret import secret_variables
from gage.step import Step, parse_step, step_names

PATTERNS_CHECKED = 20_000
"""Characters of regular expressions that are tried: some take milliseconds for each."""


def broken_rules(operations: Mapping[str, OpDef], project: str) -> Iterator[Violation]:
    """What is wrong in *operations*, whose shapes are right, of the directory *project*."""
    yield from _defaults(operations)
    yield from _metrics(operations)
    for opdef in operations.values():
        yield from _flags(opdef)
        yield from _commands(opdef)
        yield from _selectors(opdef)
        yield from _patterns(opdef)
        yield from _dependencies(opdef, operations, project)
    yield from _steps(operations, project)


def look_up(name: str, namespace: str, operations: Mapping[str, OpDef]) -> str | None:
    """The full name of the operation that *name* means in *namespace*, if there is one."""
    for full in ([f"{namespace}:{name}"] if namespace and ":" not in name else []) + [name]:
        if full in operations:
            return full
    return None


def _defaults(operations: Mapping[str, OpDef]) -> Iterator[Violation]:
    names = [name for name, opdef in operations.items() if opdef.data.get("default")]
    for name in names[1:]:
        yield Violation((name, "default"), f"{names[0]} is the default already")


def _flags(opdef: OpDef) -> Iterator[Violation]:
    holders = dict.fromkeys(opdef.data.get("env") or {}, "env")
    for flag in flag_defs(opdef).values():
        place = (opdef.name, "flags", flag.name)
        if trouble := flag_trouble(flag):
            key, message = trouble
            yield Violation((*place, key) if key in _mapping(opdef, flag.name) else place, message)
        variable = flag_variable(flag)
        if variable in holders:
            message = f"its variable {variable} is also that of {holders[variable]}"
            yield Violation(place, message, "give one of them another with `env`")
        holders[variable] = flag.name


def _mapping(opdef: OpDef, flag: str) -> Any:
    spec = opdef.data["flags"][flag]
    return spec if isinstance(spec, dict) else {}


def _commands(opdef: OpDef) -> Iterator[Violation]:
    nested = isinstance(opdef.data.get("exec"), dict)
    check = partial(check_command, secrets=secret_variables(opdef))
    for phase, spec in phases(opdef).items():
        place = (opdef.name, "exec", phase) if nested else (opdef.name, "exec")
        yield from _refusals(place, check, spec)
    for name, value in (opdef.data.get("env") or {}).items():
        yield from _refusals((opdef.name, "env", name), check, [str(value)])


def _selectors(opdef: OpDef) -> Iterator[Violation]:
    from gage.selector import parse_selector

    for place, text in _texts(opdef.data, opdef.name, "config"):
        yield from _refusals(place, parse_selector, text)


def _patterns(opdef: OpDef) -> Iterator[Violation]:
    depends = enumerate(opdef.data.get("depends") or [])
    groups = [_texts(spec, opdef.name, "depends", i, "files") for i, spec in depends]
    if not isinstance(opdef.data.get("sourcecode"), bool):
        groups.insert(0, _texts(opdef.data, opdef.name, "sourcecode"))
    for group in groups:
        for place, pattern in group:
            if trouble := _pattern_trouble(pattern):
                yield Violation(place, f"{pattern}: {trouble[0]}", trouble[1])
        if group and all(pattern.startswith("-") for _, pattern in group):
            message = "every pattern excludes, so nothing is left"
            yield Violation(group[0][0], message, "begin with one that selects, as `*`")


def _pattern_trouble(pattern: str) -> tuple[str, str] | None:
    text = pattern.removeprefix("-")
    if not text.strip("/ "):
        return "a pattern without a name", "all files are **"
    if text.startswith(("!", "#")):
        return (
            f"a pattern cannot begin with {text[0]}",
            "leave out with a leading -, or write \\" + text[0],
        )
    if ".." in text.split("/"):
        return "leads out of the project", ""
    if "\n" in text or "\0" in text:
        return "a pattern holds no newline and no NUL", ""
    if (len(text) - len(text.rstrip("\\"))) % 2:
        return "ends with a backslash that escapes nothing", ""
    return None


def _metrics(operations: Mapping[str, OpDef]) -> Iterator[Violation]:
    left = PATTERNS_CHECKED
    for opdef in operations.values():
        for name, pattern in metric_patterns(opdef).items():
            left -= len(pattern)
            if left < 0:
                return  # finalize says what is wrong with the others
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError, MemoryError) as error:
                message = f"{pattern}: no regular expression: {error}"
                yield Violation((opdef.name, "metrics", name), message)


def _dependencies(
    opdef: OpDef, operations: Mapping[str, OpDef], project: str
) -> Iterator[Violation]:
    namespace = parse_opname(opdef.name).namespace
    for i, dependency in enumerate(dependencies(opdef)):
        place = (opdef.name, "depends", i)
        if dependency.run:
            trouble = _unknown(dependency.run, namespace, operations, project)
            yield from [Violation((*place, "run"), *trouble)] if trouble else []
        if dependency.select:
            from gage.filters import parse_filter

            yield from _refusals((*place, "select"), parse_filter, dependency.select)


def _steps(operations: Mapping[str, OpDef], project: str) -> Iterator[Violation]:
    targets: dict[str, dict[str, int]] = {}
    for opdef in operations.values():
        namespace = parse_opname(opdef.name).namespace
        targets[opdef.name] = {}
        steps: list[Step] = []
        for i, raw in enumerate(raw_steps(opdef)):
            place = (opdef.name, "steps", i)
            try:
                steps.append(step := parse_step(raw))
            except ConfigError as error:
                yield Violation(place, error.message, error.hint)
                continue
            yield from _expectations(place, step)
            if trouble := _unknown(step.operation, namespace, operations, project):
                yield Violation(place, *trouble)
            elif target := look_up(step.operation, namespace, operations):
                targets[opdef.name].setdefault(target, i)
        if len(steps) == len(raw_steps(opdef)):
            names = list(_refusals((opdef.name, "steps"), step_names, steps))
            yield from names or _step_secrets(opdef, operations)
    yield from _cycles(targets)


def _expectations(place: Place, step: Step) -> Iterator[Violation]:
    conditions = step.expect.get("metrics") or {}
    if not conditions:
        return
    from gage.expectations import parse_condition

    for name, condition in conditions.items():
        yield from _refusals((*place, "expect", "metrics", name), parse_condition, str(condition))


def _step_secrets(opdef: OpDef, operations: Mapping[str, OpDef]) -> Iterator[Violation]:
    if not any("secret" in _mapping(o, flag) for o in operations.values() for flag in flag_defs(o)):
        return
    from gage.pipeline import named_steps
    from gage.step_secrets import check_step_secrets

    opref = parse_opname(opdef.name)
    for i, named in enumerate(named_steps(opdef)):
        if target := look_up(named.step.operation, opref.namespace, operations):
            check = partial(check_step_secrets, named, opref, opdef)
            yield from _refusals((opdef.name, "steps", i), check, operations[target])


def _cycles(targets: Mapping[str, Mapping[str, int]]) -> Iterator[Violation]:
    from graphlib import CycleError, TopologicalSorter

    try:
        TopologicalSorter(targets).prepare()
    except CycleError as error:
        cycle: Sequence[str] = error.args[1][::-1]
        place = (cycle[0], "steps", targets[cycle[0]][cycle[1]])
        yield Violation(place, f"never comes to an end: {' runs '.join(cycle)}")


def _unknown(
    name: str, namespace: str, operations: Mapping[str, OpDef], project: str
) -> tuple[str, str] | None:
    if look_up(name, namespace, operations) or os.path.isfile(os.path.join(project, name)):
        return None
    return f"{name}: no such operation", did_you_mean(name, operations)


def _texts(spec: Mapping[str, Any], *place: str | int) -> list[tuple[Place, str]]:
    """The texts at the last part of *place*, in *spec*, each with its own place."""
    value = spec.get(str(place[-1]))
    if isinstance(value, list):
        return [((*place, i), text) for i, text in enumerate(value)]
    return [] if value is None else [(place, value)]


def _refusals(place: Place, check: Callable[[Any], object], value: Any) -> Iterator[Violation]:
    try:
        check(value)
    except GageError as error:
        yield Violation(place, error.message, error.hint)
