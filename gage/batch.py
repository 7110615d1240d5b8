"""A batch: one operation run once for each combination of values, as the trials of one parent.

The parent is a pipeline whose steps are the trials; it is called as their operation is, with
``+`` behind. Its ``opdef.json`` has, beside the ``steps``, ``batch``: by name, what was said
for each value that the trials differ in. Its config has the values that all have.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from gage.batch_file import BatchFile, FileRow
from gage.command import operation_command
from gage.config import read_config
from gage.constant import Constant
from gage.errors import ConfigError
from gage.flags import Resolved, unknown_flag
from gage.given_secrets import secrets_among
from gage.opdef import OpDef, config_selectors, flag_defs, raw_steps
from gage.operation import Operation, Prepared, prepare, resolve
from gage.opref import OpRef
from gage.scalar import Scalar
from gage.secret import hide, kept_secrets, passing_on, secret_variables
from gage.sequence import check_count, is_sequence, parse_sequence
from gage.trials import is_trial_name, trial_steps

MARK = "+"
"""What the name of a batch has behind that of its operation."""


class Trial(NamedTuple):
    """The texts that one trial is given, and the row of the file that some are from."""

    texts: dict[str, str]
    row: FileRow | None


class Batch(NamedTuple):
    """Its *trials*, and for each name that they differ in what was said, as one text."""

    trials: list[Trial]
    varied: dict[str, str]


def prepare_all(
    operation: Operation,
    given: Mapping[str, str],
    *,
    force: bool = False,
    file: BatchFile | None = None,
) -> Prepared:
    """As gage.operation.prepare, or the batch where a text is a sequence or there is a *file*.

    The values of all trials are found to be right. Raises ConfigError.
    """
    # What looks like a sequence is none where it is a secret.
    given, _ = hide(given, secret_variables(operation.opdef))
    if not file and not any(map(is_sequence, given.values())):
        return prepare(operation, given, force=force)
    for name in secrets_among(operation, file.names if file else ()):
        raise ConfigError(
            f"{file and file.where(name)}: {name}: a secret, and a file would keep it",
            f"all trials have one: say {name}=VALUE, or set its variable in the environment",
        )
    opref, opdef, project = operation
    constants = read_config(project, config_selectors(opdef))
    _check_names(opdef, constants, given, file, force)
    batch = plan_batch(given, file)
    own: list[dict[str, Scalar]] = []
    forced: set[str] = set()
    config: Mapping[str, Scalar] = {}
    for trial in batch.trials:
        config, _, odd = _resolve_trial(operation, constants, trial, force)
        own.append({name: config[name] for name in trial.texts if name in batch.varied})
        forced |= odd
    same = {name: config[name] for name in given if name not in batch.varied}
    of_batch = passing_on(
        _batch_opdef(opref, opdef, batch.varied, own, sorted(forced)), kept_secrets(opdef, same)
    )
    return Prepared(
        batch_opref(opref), of_batch, same, list(same), operation_command(of_batch, same)
    )


def plan_batch(given: Mapping[str, str], file: BatchFile | None) -> Batch:
    """The product of the sequences in the texts *given*, and of the rows of *file*.

    The first name changes slowest, and the rows of the file fastest. Raises ConfigError for
    a sequence that makes no sense, a name that both have, and too many trials.
    """
    values = {
        name: _values(name, text) if is_sequence(text) else [text] for name, text in given.items()
    }
    rows: Sequence[FileRow | None] = file.rows if file else [None]
    names = list(file.names) if file else []
    for name in names:
        if file and name in given:
            raise ConfigError(f"{file.where(name)}: {name}: given on the command line, too")
    # Counted before it is made: the product of two short texts may be larger than any memory.
    counts = [len(values[name]) for name in given if len(values[name]) > 1]
    said = [f"{name}={text}" for name, text in given.items() if is_sequence(text)]
    check_count(prod([len(rows), *counts]), " ".join([*said, *([file.path] if file else [])]))
    trials = [
        Trial(dict(zip(given, texts, strict=True)) | (row.texts if row else {}), row)
        for texts in product(*values.values())
        for row in rows
    ]
    varied = {name: text for name, text in given.items() if is_sequence(text)}
    return Batch(trials, varied | {name: f"{file.path}#{name}" for name in names if file})


def batch_opref(opref: OpRef) -> OpRef:
    """The name of a batch of the operation *opref*."""
    return OpRef(opref.namespace, opref.name + MARK)


def _batch_opdef(
    opref: OpRef,
    opdef: OpDef,
    varied: Mapping[str, str],
    values: Sequence[Mapping[str, Scalar]],
    forced: Sequence[str],
) -> OpDef:
    data: dict[str, Any] = {
        key: opdef.data[key] for key in ("description", "digest") if key in opdef.data
    }
    data |= {"batch": dict(varied), "steps": trial_steps(str(opref), values)}
    if forced:
        data["forced"] = list(forced)
    return OpDef(str(batch_opref(opref)), data)


def _check_names(
    opdef: OpDef,
    constants: Mapping[str, Constant],
    given: Mapping[str, str],
    file: BatchFile | None,
    force: bool,
) -> None:
    """Raise ConfigError for a name that is wrong whatever the trial."""
    for name in (*given, *(file.names if file else ())):
        step, colon, _ = name.partition(":")
        if colon and is_trial_name(step):
            raise ConfigError(f"{name}: a trial of the batch will be called so", "rename the step")
    if file is None or force:
        return
    known = {**constants, **flag_defs(opdef)}
    for name in file.names:
        if name not in known and not (":" in name and raw_steps(opdef)):
            error = unknown_flag(opdef, name, known)
            raise ConfigError(f"{file.where(name)}: {error.message}", error.hint)


def _resolve_trial(
    operation: Operation, constants: Mapping[str, Constant], trial: Trial, force: bool
) -> Resolved:
    opref, opdef, _ = operation
    try:
        resolved = resolve(opref, opdef, constants, trial.texts, force=force)
        operation_command(opdef, resolved.config)
    except ConfigError as error:
        if trial.row is None:
            raise
        names = (n for n in trial.row.texts if error.message.startswith((f"{n}=", f"{n}:")))
        where = trial.row.where(next(names, ""))
        raise ConfigError(f"{where}: {error.message}", error.hint) from None
    return resolved


def _values(name: str, text: str) -> list[str]:
    try:
        return parse_sequence(text)
    except ConfigError as error:
        raise ConfigError(f"{name}={error.message}", error.hint) from None
