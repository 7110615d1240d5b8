"""Trials: the steps of a batch, each a run of one operation with values of its own.

They are called ``1``, ``2``, ..., with zeros before so that they sort. The config of the
batch is what all of them are given besides, and as ``TRIAL:NAME`` what one is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gage.errors import ConfigError
from gage.flags import Resolved, parse_value
from gage.opdef import HIDDEN, OpDef, batch_texts, forced_names, passed_secrets, raw_steps
from gage.scalar import Scalar, format_value
from gage.sequence import is_sequence


def trial_steps(operation: str, values: Sequence[Mapping[str, Scalar]]) -> list[dict[str, Any]]:
    """The steps of a batch of *operation* whose trials have these *values*."""
    import shlex

    width = len(str(len(values)))
    return [
        {"run": shlex.quote(operation), "name": f"{n:0{width}}", "flags": dict(own), "needs": []}
        for n, own in enumerate(values, 1)
    ]


def is_trial_name(name: str) -> bool:
    """Whether *name* is what a trial is called."""
    return name.isascii() and name.isdecimal()


def trial_flags(
    name: str,
    own: Mapping[str, str],
    config: Mapping[str, Scalar],
    secrets: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The values of the trial *name*, as texts: its *own*, those that the *config* of the batch
    has for all, and those that it has for this one; later wins. *secrets* stand as they are.
    """
    common: dict[str, str] = {}
    for_it: dict[str, str] = {}
    secrets = secrets or {}
    for key, value in config.items():
        trial, colon, rest = key.partition(":")
        if not (colon and is_trial_name(trial)):
            common[key] = secrets.get(key, format_value(value))
        elif trial == name:
            for_it[rest] = secrets.get(key, format_value(value))
    return {**own, **common, **for_it}


def resolve_for_trials(opdef: OpDef, given: Mapping[str, str]) -> Resolved:
    """The config of a batch that is there, with the texts *given*.

    Which trials it has is settled. Raises ConfigError for a sequence that is not its own,
    and for a trial that it has not; values are found to be right or wrong by each trial.
    """
    said = batch_texts(opdef)
    names = [step["name"] for step in raw_steps(opdef)]
    _check_trials(opdef, given, names)
    config: dict[str, Scalar] = {}
    secrets = passed_secrets(opdef)
    for name, text in given.items():
        if text == said.get(name):
            continue
        if is_sequence(text) and name not in secrets:
            raise ConfigError(
                f"{name}={text}: {opdef.name} has other trials",
                "a restart runs the trials that are there; gage run makes another batch",
            )
        config[name] = HIDDEN if text and name in secrets else parse_value(text)
    return Resolved(config, list(config), forced_names(opdef))


def _check_trials(opdef: OpDef, given: Iterable[str], names: Sequence[str]) -> None:
    for name in given:
        trial, colon, _ = name.partition(":")
        if colon and is_trial_name(trial) and trial not in names:
            raise ConfigError(
                f"{name}: {opdef.name} has no such trial", f"it has {names[0]} to {names[-1]}"
            )
