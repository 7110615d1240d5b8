"""An operation made ready to run: defined, its values resolved, its command built.

This is all that init records, and all that a person is shown before a run.
"""

import os
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from gage.command import operation_command
from gage.config import read_config
from gage.constant import Constant
from gage.digest import check_algorithm
from gage.errors import ConfigError, NotFoundError, UsageError
from gage.flags import Resolved, parse_assignment, parse_value, resolve_config
from gage.gage_file import (
    GageFile,
    default_operation,
    file_operation,
    find_gage_file,
    find_operation,
    load_gage_file,
)
from gage.located import shown_path
from gage.opdef import (
    HIDDEN,
    OpCmd,
    OpDef,
    config_selectors,
    flag_defs,
    is_batch,
    open_names,
    passed_secrets,
    raw_steps,
)
from gage.opref import OpRef
from gage.scalar import ALL_KINDS, Scalar


class Operation(NamedTuple):
    """An operation as a project defines it now; *project* is the project's directory."""

    opref: OpRef
    opdef: OpDef
    project: str


class Prepared(NamedTuple):
    """What init records: *given* are the keys of *config* that a person set."""

    opref: OpRef
    opdef: OpDef
    config: Mapping[str, Scalar]
    given: list[str]
    cmd: OpCmd


def open_operation(start: str, word: str | None) -> Operation:
    """The operation called *word* in the project around the directory *start*.

    *word* is the name of an operation or a file; without it, the default operation.
    Raises NotFoundError, and ConfigError where the gage file is wrong.
    """
    path = find_gage_file(start)
    gage_file = load_gage_file(path) if path else None
    if word is None:
        if gage_file is None:
            raise NotFoundError(
                f"{start}: no gage file here or above",
                "name a script to run, or let gage new write a gage.yaml",
            )
        return _defined(gage_file, *default_operation(gage_file))
    file = os.path.join(start, word)
    try:
        if gage_file is not None:
            return _defined(gage_file, *find_operation(gage_file, word))
    except NotFoundError:
        if not os.path.isfile(file):
            raise _not_found(word, start, gage_file) from None
    project = gage_file.project if gage_file else start
    if not os.path.isfile(file):
        raise _not_found(word, start, None)
    opref, opdef = file_operation(file, project)
    settings = gage_file.settings if gage_file else {}
    return Operation(opref, _with_settings(opdef, settings), project)


def _not_found(word: str, start: str, gage_file: GageFile | None) -> NotFoundError:
    """That *word* is no operation and no file; near operations and scripts are named."""
    from gage.nearest import did_you_mean, nearest

    operations = list(gage_file.operations) if gage_file else []
    near = nearest(word, [*operations, *_scripts(start)])
    if os.path.isdir(os.path.join(start, word)):
        hint = f"did you mean {' or '.join(near)}?" if near else "name an operation or a script"
        return NotFoundError(f"{word}: a directory, which cannot be run", hint)
    if gage_file:
        hint = f"did you mean {' or '.join(near)}?" if near else did_you_mean(word, operations)
        message = f"{word}: no such operation in {shown_path(gage_file.path)}"
        # What is spelled as a file was most likely meant to be one.
        is_file = "." in word or "/" in word
        return NotFoundError(f"{message}, and no such file" if is_file else message, hint)
    hint = "name a script to run, or let gage new write a gage.yaml"
    return NotFoundError(
        f"{word}: no such file, and no gage file here that could define it",
        f"did you mean {' or '.join(near)}?" if near else hint,
    )


def _scripts(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [e.name for e in entries if e.name.endswith((".py", ".sh")) and e.is_file()]
    except OSError:
        return []


def find_step_operation(project: str, names: Sequence[str]) -> Operation:
    """The first operation of *names* that the *project* has. Raises NotFoundError."""
    for name in names:
        try:
            return open_operation(project, name)
        except NotFoundError:
            if name == names[-1]:
                raise
    raise AssertionError("a step has an operation")


def open_words(start: str, words: Sequence[str]) -> tuple[Operation, dict[str, str]]:
    """The operation and the values that ``[OPERATION] [NAME=VALUE...]`` say.

    Raises UsageError for two operations, and as open_operation.
    """
    names = [word for word in words if "=" not in word]
    if len(names) > 1:
        raise UsageError(f"{names[1]}: one operation only, and values as NAME=VALUE")
    given = dict(parse_assignment(word) for word in words if "=" in word)
    return open_operation(start, names[0] if names else None), given


def prepare(operation: Operation, given: Mapping[str, str], *, force: bool = False) -> Prepared:
    """Resolve the values of *operation*, *given* as texts ``NAME=VALUE``, and its command.

    *force* takes unknown names and other types. Raises ConfigError.
    """
    opref, opdef, project = operation
    constants = read_config(project, config_selectors(opdef))
    if raw_steps(opdef) and not force:
        _expect_not_of_steps(operation, constants.keys() | flag_defs(opdef).keys(), given)
    resolved = resolve(opref, opdef, constants, given, force=force)
    opdef = with_kinds(opdef, constants, resolved)
    return Prepared(
        opref, opdef, resolved.config, resolved.given, operation_command(opdef, resolved.config)
    )


def _expect_not_of_steps(
    operation: Operation, known: Container[str], given: Mapping[str, str]
) -> None:
    """Raise ConfigError where a pipeline is given what only steps of it have."""
    unknown = [name for name in given if name not in known and ":" not in name]
    if not unknown:
        return
    from gage.pipeline import full_names, named_steps
    from gage.step_hint import for_steps

    having: list[str] = []
    name = unknown[0]
    for named in named_steps(operation.opdef):
        step = find_step_operation(operation.project, full_names(named.step, operation.opref))
        constants = read_config(step.project, config_selectors(step.opdef))
        if name in constants or name in flag_defs(step.opdef):
            having.append(named.name)
    if having:
        hint = for_steps(name, given[name], having)
        raise ConfigError(f"{name}: {operation.opdef.name} has no such flag", hint)


def with_kinds(opdef: OpDef, constants: Mapping[str, Constant], resolved: Resolved) -> OpDef:
    """*opdef* with what the values alone no longer tell of the kinds that they may have.

    ``forced`` are names whose values their constants do not allow, ``open`` those of
    constants that were null, and allowed anything, before they had a value.
    """
    null = {
        name
        for name, constant in constants.items()
        if constant.kinds == ALL_KINDS and resolved.config.get(name) is not None
    }
    told = {"forced": sorted(resolved.forced), "open": sorted(null | open_names(opdef))}
    rest = {key: value for key, value in opdef.data.items() if key not in told}
    return opdef._replace(data=rest | {key: names for key, names in told.items() if names})


def resolve(
    opref: OpRef,
    opdef: OpDef,
    constants: Mapping[str, Constant],
    given: Mapping[str, str],
    *,
    force: bool | frozenset[str] = False,
) -> Resolved:
    """The config of a run with the *constants* of its files and the texts *given*.

    That of a pipeline holds what was given for flags of its steps as ``STEP:NAME``, that of
    a batch what all its trials are given, and as ``TRIAL:NAME`` what one is.
    """
    if is_batch(opdef):
        from gage.trials import resolve_for_trials

        return resolve_for_trials(opdef, given)
    own, for_steps = dict(given), dict[str, str]()
    if raw_steps(opdef):
        from gage.pipeline import split_step_flags

        own, for_steps = split_step_flags(opdef, opref, given)
    resolved = resolve_config(opdef, constants, own, force=force)
    secrets = passed_secrets(opdef)
    config = resolved.config | {
        name: HIDDEN if text and name in secrets else parse_value(text)
        for name, text in for_steps.items()
    }
    unknown = set(resolved.config) - set(constants) - set(flag_defs(opdef))
    return Resolved(config, list(given), resolved.forced | unknown)


def with_digest(prepared: Prepared, algorithm: str) -> Prepared:
    """*prepared* with the algorithm for its manifest. Raises ConfigError for an unknown one."""
    check_algorithm(algorithm)
    opdef = prepared.opdef
    return prepared._replace(opdef=opdef._replace(data={**opdef.data, "digest": algorithm}))


def _defined(gage_file: GageFile, opref: OpRef, opdef: OpDef) -> Operation:
    return Operation(opref, _with_settings(opdef, gage_file.settings), gage_file.project)


def _with_settings(opdef: OpDef, settings: Mapping[str, object]) -> OpDef:
    # The run must not need its project again, so what the project sets for all goes along.
    if "digest" in settings and "digest" not in opdef.data:
        return opdef._replace(data={**opdef.data, "digest": settings["digest"]})
    return opdef
