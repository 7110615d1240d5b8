"""The command of an operation, with the values of a run filled in.

A command is an argv, or a string: one that begins with ``#!`` is a script that runs under
the program it names, every other is for ``sh -c``. In an argv ``${name}`` stays one
argument, in shell text it is quoted (shell_text.py).
"""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

from gage.errors import ConfigError
from gage.flags import as_text, flag_variable
from gage.opdef import Command, FlagDef, OpCmd, OpDef, Phase, env_values, phases, raw_steps
from gage.scalar import Scalar
from gage.secret import secret_variables

SHELLS = frozenset(["sh", "ash", "dash", "bash", "ksh", "mksh"])
"""Programs whose quoting is that of sh(1)."""

RUN_STEPS = ["gage-run-steps", "."]
"""The command of a pipeline: to run its steps is all that it does."""


def operation_command(opdef: OpDef, config: Mapping[str, Scalar]) -> OpCmd:
    """What a run of *opdef* executes with *config*, and the variables it sets.

    Raises ConfigError for a name that is not in *config*, in a hook as well, for a value that
    cannot be put where it should be, and for an operation without a command.
    """
    commands = {phase: phase_command(opdef, phase, config) for phase in phases(opdef)}
    args = commands.get("run") or (RUN_STEPS if raw_steps(opdef) else None)
    if args is None:
        raise ConfigError(f"{opdef.name}: has no command", "say one with `exec`")
    return OpCmd(args, operation_variables(opdef, config))


def operation_variables(opdef: OpDef, config: Mapping[str, Scalar]) -> dict[str, str]:
    """The variables that *opdef* sets, filled in. Raises ConfigError as operation_command."""
    values = _values(opdef, config)
    return {
        name: _without_nul(opdef, _text_filled(as_text(text), values))
        for name, text in env_values(opdef).items()
    }


def phase_command(opdef: OpDef, phase: Phase, config: Mapping[str, Scalar]) -> Command | None:
    """The command of *phase* with the values of *config*; None where the phase has none.

    Raises ConfigError as operation_command does.
    """
    spec = phases(opdef).get(phase)
    return None if spec is None else _filled(opdef, spec, _values(opdef, config))


def check_command(spec: Command, secrets: Mapping[str, str] = MappingProxyType({})) -> None:
    """Raise ConfigError where *spec* has a ``${name}`` that no value can take the place of.

    *secrets* are the variables of the operation's secrets, by name.
    """

    def value_of(name: str) -> str:
        if name in secrets:
            raise _secret_in_command(name, secrets[name])
        return "0"

    if "${" in "".join(spec):
        _filled(OpDef("", {}), spec, value_of)


def is_script(args: Command) -> bool:
    """Whether a command is a script, that the kernel runs under the program it names."""
    return isinstance(args, str) and args.startswith("#!")


def _filled(opdef: OpDef, spec: Command, value_of: Callable[[str], str]) -> Command:
    if isinstance(spec, list):
        return [_without_nul(opdef, _text_filled(arg, value_of)) for arg in spec]
    if "${" not in spec:
        return _without_nul(opdef, spec)
    from gage.shell_text import fill_shell

    if not is_script(spec):
        return _without_nul(opdef, fill_shell(spec, value_of))
    first, newline, body = spec.partition("\n")
    if "${" in first:
        raise ConfigError(f"{first}: no values in the line of the program")
    body = fill_shell(body, value_of) if _is_shell(first) else _text_filled(body, _refuse)
    return _without_nul(opdef, first + newline + body)


def _text_filled(text: str, value_of: Callable[[str], str]) -> str:
    if "${" not in text:
        return text
    from gage.shell_text import fill_text

    return fill_text(text, value_of)


def _values(opdef: OpDef, config: Mapping[str, Scalar]) -> Callable[[str], str]:
    """What stands for ``${name}``: the text of its value."""

    def value_of(name: str) -> str:
        secrets = secret_variables(opdef)
        if name in secrets:
            raise _secret_in_command(name, secrets[name])
        if name in config:
            return as_text(config[name])
        from gage.nearest import did_you_mean

        hint = did_you_mean(name, config)
        if not hint.startswith("did"):
            hint = f"a variable of the shell is written $${{{name}}} or, where it can be, ${name}"
        raise ConfigError(f"{opdef.name}: ${{{name}}}: no such flag or config", hint)

    return value_of


def _secret_in_command(name: str, variable: str) -> ConfigError:
    return ConfigError(
        f"${{{name}}}: a secret, and what a command is filled in with is recorded and seen by all",
        f'the process has it in its environment: "${variable}"',
    )


def _refuse(name: str) -> str:
    raise ConfigError(
        f"${{{name}}} in a script that is not for the shell",
        f"read {flag_variable(FlagDef(name))} from the environment; a plain ${{ is written $${{",
    )


def _is_shell(first_line: str) -> bool:
    words = first_line.removeprefix("#!").split()
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return bool(words) and os.path.basename(words[0]) in SHELLS


def _without_nul(opdef: OpDef, text: str) -> str:
    if "\0" in text:
        raise ConfigError(f"{opdef.name}: a command and its variables cannot hold NUL")
    return text
