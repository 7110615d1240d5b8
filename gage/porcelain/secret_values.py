"""The values of secrets, got from a person: given as NAME=VALUE, else asked for on a terminal."""

from collections.abc import Mapping, Sequence

from gage.flags import parse_assignment
from gage.given_secrets import Hidden
from gage.opdef import HIDDEN, flag_defs, raw_steps
from gage.operation import Prepared
from gage.porcelain.asking import ask_secret, is_possible
from gage.recorded import recorded_opdef
from gage.run import Run
from gage.secret import missing_secret, secret_variables


def with_required(hidden: Hidden) -> Hidden:
    """*hidden* with the values of required secrets that were not given, as a person types them.

    Nothing is asked where there is no terminal.
    """
    operation, given, values = hidden
    for flag in flag_defs(operation.opdef).values():
        if flag.secret and flag.required and not given.get(flag.name) and is_possible():
            variable = secret_variables(operation.opdef)[flag.name]
            if text := ask_secret(flag.name):
                given, values = given | {flag.name: HIDDEN}, values | {variable: text}
    return Hidden(operation, given, values)


def with_secrets(
    environ: Mapping[str, str], run: Run, target: Prepared | None = None, *, completed: bool = True
) -> dict[str, str]:
    """*environ* with the secrets that *run* and its steps need in addition, as a person types
    them.

    *target* is what the run is about to become. Without *completed*, completed steps need
    none. Raises ConfigError for one that is not there and cannot be asked for.
    """
    found = dict(environ)
    opdef = target.opdef if target else recorded_opdef(run)
    if not (raw_steps(opdef) or secret_variables(opdef)):
        return found
    from gage.step_secrets import missing_secrets

    becoming = (target.opdef, target.config) if target else None
    while missing := missing_secrets(run, found, becoming, completed=completed):
        for variable, name in missing.items():
            # A variable that a plain value of the pipeline has, too, cannot hold the secret.
            text = ask_secret(name) if is_possible() and variable not in found else ""
            if not text:
                raise missing_secret(str(run), name, variable)
            found[variable] = text
    return found


def shown_words(words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """*words* as they may be shown: with ``***`` for every ``NAME=VALUE`` that is a secret.

    *variables* are those of the secrets by name.
    """
    shown = []
    for word in words:
        name, text = parse_assignment(word) if "=" in word else (word, "")
        shown.append(f"{name}={HIDDEN}" if text and name in variables else word)
    return shown
