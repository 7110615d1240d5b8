"""What keeps the operations of a gage file from running with the values that they have.

Each is resolved as for a run, and nothing is made. A required flag that has no value yet is
taken to get one that is right.
"""

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gage.batch import prepare_all
from gage.command import operation_variables, phase_command
from gage.config import read_config
from gage.errors import ConfigError, GageError
from gage.flags import unknown_flag
from gage.gage_file import GageFile, file_operation, load_gage_file
from gage.gage_file_rules import look_up
from gage.located import read_document
from gage.nearest import nearest_file
from gage.opdef import (
    OpDef,
    config_selectors,
    dependencies,
    env_values,
    flag_defs,
    phases,
    raw_steps,
    sourcecode_rule,
)
from gage.operation import Operation, resolve
from gage.opref import OpRef, parse_opname
from gage.patterns import is_literal
from gage.pipeline import NamedStep, named_steps, step_flags
from gage.scalar import Scalar
from gage.schema import Place, Violation
from gage.secret import secret_variables
from gage.sourcecode import idle_patterns, select_files
from gage.step_runs import check_upstream

_KEPT = ("type", "env", "secret", "description")
"""What remains of a flag whose value is still to come."""


def check_defaults(path: str, runs_home: str) -> list[ConfigError]:
    """What no run of an operation gets past, by operation, in the gage file at *path*; and what
    would be copied to it, and is not there.

    Raises ConfigError where the file itself is wrong.
    """
    gage_file = load_gage_file(path)
    troubles = default_troubles(gage_file)
    for opdef in gage_file.operations.values():
        troubles += _files(gage_file, opdef, runs_home)
    if not troubles:
        return []
    document = read_document(path)
    return [document.wrong(*violation) for violation in troubles]


def default_troubles(gage_file: GageFile) -> list[Violation]:
    """What no run of an operation of *gage_file* gets past, which need not be on the disk."""
    found = {name: _own(gage_file, opdef) for name, opdef in gage_file.operations.items()}
    wrong = {name for name, violations in found.items() if violations}
    for name, opdef in gage_file.operations.items():
        if name not in wrong and raw_steps(opdef):
            found[name] = list(_of_steps(gage_file, opdef, wrong))
    return [violation for violations in found.values() for violation in violations]


def _own(gage_file: GageFile, opdef: OpDef) -> list[Violation]:
    """What is wrong with the values and the commands of an operation."""
    name, required = opdef.name, _required(opdef)
    opdef = _open(opdef, required)
    place: Place = (name, "config")
    try:
        constants = read_config(gage_file.project, config_selectors(opdef))
        place = (name,)
        config = resolve(parse_opname(name), opdef, constants, {}).config
    except GageError as error:
        return [_violation(place, error)]
    # A number can stand wherever a value can, in the arithmetic of a shell too.
    config |= dict.fromkeys(required - secret_variables(opdef).keys(), 0)
    found = []
    nested = isinstance(opdef.data.get("exec"), dict)
    for phase in phases(opdef):
        try:
            phase_command(opdef, phase, config)
        except GageError as error:
            found.append(_violation((name, "exec", phase) if nested else (name, "exec"), error))
    for variable, text in env_values(opdef).items():
        try:
            operation_variables(_with(opdef, env={variable: text}), config)
        except GageError as error:
            found.append(_violation((name, "env", variable), error))
    return found


def _files(gage_file: GageFile, opdef: OpDef, runs_home: str) -> Iterator[Violation]:
    """What is wrong with the patterns for files of the project."""
    patterns: dict[Place, Sequence[str]] = {
        (opdef.name, "depends", i, "files"): dependency.files
        for i, dependency in enumerate(dependencies(opdef))
        if not dependency.run
    }
    # The default rule takes what there is.
    patterns[opdef.name, "sourcecode"] = sourcecode_rule(opdef) or []
    for place, lines in patterns.items():
        try:
            sources = select_files(gage_file.project, lines, runs_home=runs_home)
            for pattern in idle_patterns(lines, sources):
                path = os.path.join(gage_file.project, pattern.rstrip("/"))
                hint = nearest_file(path) if is_literal(pattern) else ""
                yield Violation(place, f"{pattern}: selects no file", hint)
        except GageError as error:
            yield _violation(place, error)


def _of_steps(gage_file: GageFile, opdef: OpDef, wrong: Container[str]) -> Iterator[Violation]:
    """What is wrong with the steps of a pipeline, but for operations that are *wrong* anyway."""
    required, opref = _required(opdef), parse_opname(opdef.name)
    opdef = _open(opdef, required)
    constants = read_config(gage_file.project, config_selectors(opdef))
    config = resolve(opref, opdef, constants, {}).config
    steps = named_steps(opdef)
    for i, named in enumerate(steps):
        full = look_up(named.step.operation, opref.namespace, gage_file.operations)
        if full in wrong:
            continue
        try:
            operation = _operation(gage_file, full, named.step.operation)
            if named.step.isolate_runs:
                check_upstream(named, steps, operation.opdef)
            _check_values(operation, named, opref, config, required)
        except GageError as error:
            yield _violation((opdef.name, "steps", i), error)


def _operation(gage_file: GageFile, full: str | None, word: str) -> Operation:
    """The operation *full* of the file, else the one that the file called *word* is."""
    project = gage_file.project
    if full:
        return Operation(parse_opname(full), gage_file.operations[full], project)
    return Operation(*file_operation(os.path.join(project, word), project), project)


def _check_values(
    operation: Operation,
    named: NamedStep,
    pipeline: OpRef,
    config: Mapping[str, Scalar],
    required: Iterable[str],
) -> None:
    """Raise GageError where the *operation* of a step cannot have the values it is given."""
    texts = named.step.flags
    # What is made of a value that is still to come may be anything, too.
    later = {key for key, text in texts.items() if any(f"${{{name}}}" in text for name in required)}
    kept = {key: text for key, text in texts.items() if key not in later}
    given = step_flags(named._replace(step=named.step._replace(flags=kept)), pipeline, config)
    opdef = operation.opdef
    missing = _required(opdef) - given.keys()
    known = read_config(operation.project, config_selectors(opdef)).keys() | flag_defs(opdef).keys()
    for key in later - known:
        if ":" not in key:
            raise unknown_flag(opdef, key, known)
    # The command is checked where it is defined: here it may lack values.
    opdef = _with(_open(opdef, missing | later), exec="true", env={})
    prepare_all(operation._replace(opdef=opdef), given)


def _required(opdef: OpDef) -> frozenset[str]:
    return frozenset(name for name, flag in flag_defs(opdef).items() if flag.required)


def _open(opdef: OpDef, names: Container[str]) -> OpDef:
    """*opdef*, whose flags *names* need no value and take any."""
    flags = {
        name: {key: spec[key] for key in _KEPT if key in spec}
        if name in names and isinstance(spec, dict)
        else spec
        for name, spec in (opdef.data.get("flags") or {}).items()
    }
    return _with(opdef, flags=flags)


def _with(opdef: OpDef, **data: Any) -> OpDef:
    return opdef._replace(data={**opdef.data, **data})


def _violation(place: Place, error: GageError) -> Violation:
    return Violation(place, error.message.removeprefix(f"{place[0]}: "), error.hint)
