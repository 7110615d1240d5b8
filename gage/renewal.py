"""The operation of another attempt: that of the run as it is, with new values in their place."""

from collections.abc import Iterable, Mapping

from gage.command import operation_command
from gage.config import read_config, unknown_key
from gage.errors import ConfigError
from gage.given_secrets import secrets_among
from gage.opdef import (
    HIDDEN,
    OpCmd,
    OpDef,
    config_selectors,
    flag_defs,
    forced_names,
    is_batch,
    open_names,
    phases,
    raw_steps,
)
from gage.operation import Operation, Prepared, resolve, with_kinds
from gage.recorded import (
    given_names,
    recorded_command,
    recorded_config,
    recorded_opdef,
    recorded_opref,
)
from gage.run import Run
from gage.scalar import ALL_KINDS, Scalar, format_value
from gage.secret import passing_on, secret_variables
from gage.sequence import is_sequence
from gage.step import Step


def renew(run: Run, given: Mapping[str, str]) -> Prepared:
    """What *run* would be with the values *given*, texts, in place of those it has.

    Values that stay are not questioned. Raises ConfigError for a name that is not known, and
    for a value that cannot be.
    """
    opref = recorded_opref(run)
    opdef, recorded = recorded_opdef(run), recorded_config(run)
    opdef = passing_on(opdef, secrets_among(run, given))
    for name in given if not is_batch(opdef) else ():
        if name not in recorded and not (":" in name and raw_steps(opdef)):
            raise _unknown(run, opdef, name, given[name], recorded)
    _check_no_batch(opdef, given)
    selectors = config_selectors(opdef)
    constants = read_config(run.run_dir, selectors) if selectors else {}
    typed = {flag.name for flag in flag_defs(opdef).values() if flag.type}
    anything = open_names(opdef) | (forced_names(opdef) - typed)
    # The literals that stand there now do not tell what may stand there.
    for name in constants.keys() & (anything | forced_names(opdef)):
        kinds = ALL_KINDS if name in anything else constants[name].kinds
        constants[name] = constants[name]._replace(value=None, kinds=kinds)
    force = (recorded.keys() - given.keys()) | (forced_names(opdef) - typed)
    texts = {name: format_value(value) for name, value in recorded.items()} | dict(given)
    resolved = resolve(opref, opdef, constants, texts, force=frozenset(force))
    forced_still = forced_names(opdef) & resolved.config.keys()
    resolved = resolved._replace(forced=resolved.forced | forced_still)
    opdef = with_kinds(opdef, constants, resolved)
    names = list(dict.fromkeys([*given_names(run), *given]))
    return Prepared(opref, opdef, resolved.config, names, _command(run, opdef, resolved.config))


def _unknown(run: Run, opdef: OpDef, name: str, text: str, known: Iterable[str]) -> ConfigError:
    error = unknown_key(name, known)
    from gage.step_hint import for_steps, steps_with

    steps = steps_with(run, name) if raw_steps(opdef) else []
    return ConfigError(error.message, for_steps(name, text, steps) or error.hint)


def renew_from(
    run: Run, operation: Operation, given: Mapping[str, str], step: Step | None = None
) -> Prepared:
    """What *run* would be with the *operation* as its project defines it now.

    It keeps the values that a person gave; the run of a *step* has those that its pipeline
    says, which are *given*. Raises ConfigError.
    """
    opref = recorded_opref(run)
    before, recorded = recorded_opdef(run), recorded_config(run)
    isolated = before.data.get("isolate-runs") if step is None else step.isolate_runs
    opdef = operation.opdef
    if isolated is not None:
        opdef = opdef._replace(data={**opdef.data, "isolate-runs": isolated})
    constants = read_config(operation.project, config_selectors(opdef))
    kept = [name for name in given_names(run) if name in recorded] if step is None else []
    texts = {name: format_value(recorded[name]) for name in kept} | dict(given)
    opdef = passing_on(opdef, secrets_among(operation, texts))
    _check_still_secret(before, opdef, texts)
    force = forced_names(before)
    resolved = resolve(opref, opdef, constants, texts, force=force)
    opdef = with_kinds(opdef, constants, resolved)
    cmd = operation_command(opdef, resolved.config)
    return Prepared(opref, opdef, resolved.config, list(texts), cmd)


def _check_still_secret(before: OpDef, now: OpDef, texts: Mapping[str, str]) -> None:
    secrets = secret_variables(now)
    for name in secret_variables(before):
        if name not in secrets and texts.get(name) == HIDDEN:
            raise ConfigError(f"{name}: was a secret, and is none now", f"say {name}=VALUE")


def _check_no_batch(opdef: OpDef, given: Mapping[str, str]) -> None:
    for name, text in given.items() if not is_batch(opdef) else ():
        if is_sequence(text):
            raise ConfigError(
                f"{name}={text}: {opdef.name} was run once, and restarts as one run",
                f"gage run {opdef.name} {name}={text} makes a batch",
            )


def _command(run: Run, opdef: OpDef, config: Mapping[str, Scalar]) -> OpCmd:
    """The command with the values; that of a run made by hand is a fact, not defined."""
    recorded = recorded_command(run)
    if "run" not in phases(opdef) and not raw_steps(opdef):
        return recorded
    cmd = operation_command(opdef, config)
    return OpCmd(cmd.args, {**recorded.env, **cmd.env})
