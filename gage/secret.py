"""A secret: a value that reaches a process through its environment, and is recorded nowhere.

In the config ``***`` stands for it. Whoever executes the run must have the value in the
secret's variable, ``FLAG_NAME`` or what the flag's env says.
"""

from collections.abc import Mapping

from gage.errors import ConfigError
from gage.flags import LONGEST_VARIABLE, flag_variable
from gage.opdef import HIDDEN, OpDef, flag_defs, passed_secrets
from gage.scalar import Scalar


def secret_variables(opdef: OpDef) -> dict[str, str]:
    """The variables of all secrets that a run of *opdef* can have, by name."""
    flags = flag_defs(opdef).values()
    return {flag.name: flag_variable(flag) for flag in flags if flag.secret} | passed_secrets(opdef)


def kept_secrets(opdef: OpDef, config: Mapping[str, object]) -> dict[str, str]:
    """The variables of the secrets that have a value in *config*, by name."""
    variables = secret_variables(opdef)
    return {name: variables[name] for name in variables if config.get(name) is not None}


def masked(opdef: OpDef, config: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """*config* as it may be recorded, with ``***`` for every secret."""
    return {**config, **dict.fromkeys(kept_secrets(opdef, config), HIDDEN)}


def passing_on(opdef: OpDef, variables: Mapping[str, str]) -> OpDef:
    """*opdef* with secrets that are no flags of its own, by name, which its steps get."""
    own = secret_variables(opdef)
    more = {name: variable for name, variable in variables.items() if name not in own}
    if not more:
        return opdef
    return opdef._replace(data={**opdef.data, "secrets": passed_secrets(opdef) | more})


def hide(
    given: Mapping[str, str], variables: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The texts *given* with ``***`` for secrets, and their values by variable.

    *variables* are those of the secrets by name; ``***`` itself says that the value is in
    the environment. Raises ConfigError for a value that no environment can hold.
    """
    values = {}
    for name, variable in variables.items():
        text = given.get(name, "")
        if "\0" in text or len(text) > LONGEST_VARIABLE:
            raise ConfigError(
                f"{name}: the secret cannot be put into the environment",
                f"it holds no NUL, and at most {LONGEST_VARIABLE:,} characters",
            )
        if text not in ("", HIDDEN):
            values[variable] = text
    hidden = {name: HIDDEN if name in variables and text else text for name, text in given.items()}
    return hidden, values


def in_environment(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The texts of those secrets that *environ* has: ``***``, by name."""
    return {name: HIDDEN for name, variable in variables.items() if environ.get(variable)}


def missing_secret(subject: str, name: str, variable: str) -> ConfigError:
    """The error that the value of a secret is not there."""
    return ConfigError(
        f"{subject}: the secret {name} is not there, and no run records it",
        f"set {variable} in the environment; gage run and gage restart take {name}=VALUE, too",
    )
