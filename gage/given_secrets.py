"""The secrets among the values that a person gives, for an operation, a run, or their steps."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from gage.flags import flag_variable
from gage.opdef import FlagDef, OpDef, is_batch, raw_steps
from gage.operation import Operation, find_step_operation
from gage.opref import OpRef
from gage.recorded import recorded_opdef, recorded_opref, recorded_project
from gage.run import Run
from gage.secret import hide, in_environment, passing_on, secret_variables

if TYPE_CHECKING:
    from gage.pipeline import NamedStep


class Hidden(NamedTuple):
    """An operation and the texts *given* for it, without the secrets, which are in *values*.

    These are by variable, as whoever executes the run must have them in the environment.
    """

    operation: Operation
    given: dict[str, str]
    values: dict[str, str]


def hide_secrets(
    operation: Operation, given: Mapping[str, str], environ: Mapping[str, str]
) -> Hidden:
    """Take the secrets out of what is *given* for a run of *operation*.

    Those that only *environ* has count as given. Raises GageErrors.
    """
    variables = secret_variables(operation.opdef) | secrets_among(operation, given)
    texts, values = hide(given, variables)
    texts = in_environment(variables, environ) | texts
    return Hidden(operation._replace(opdef=passing_on(operation.opdef, variables)), texts, values)


def secrets_among(where: Operation | Run, names: Iterable[str]) -> dict[str, str]:
    """The variables of those *names* that mean secrets of *where*, or of its steps, by name."""
    opref, opdef = _defined(where)
    own = secret_variables(opdef)
    others = [name for name in names if name not in own] if raw_steps(opdef) else []
    found = {name: own[name] for name in names if name in own}
    if not others:
        return found
    from gage.pipeline import named_steps, step_flag_name

    common = [name for name in others if ":" not in name] if is_batch(opdef) else []
    for named in named_steps(opdef):
        flags = {name: step_flag_name(name, named, opref) for name in others if ":" in name}
        wanted = [flag for flag in flags.values() if flag] + common
        if wanted:
            secret = secrets_among(_step(where, opref, named), wanted)
            found |= {n: flag_variable(FlagDef(n)) for n, flag in flags.items() if flag in secret}
            found |= {name: secret[name] for name in common if name in secret}
        common = []  # what is for all trials is the same in each
    return found


def _defined(where: Operation | Run) -> tuple[OpRef, OpDef]:
    if isinstance(where, Operation):
        return where.opref, where.opdef
    return recorded_opref(where), recorded_opdef(where)


def _step(where: Operation | Run, pipeline: OpRef, named: "NamedStep") -> Operation | Run:
    from gage.pipeline import full_names, linked_run, step_links

    if isinstance(where, Operation):
        project = where.project
    else:
        for link in step_links(where, [named]):
            if link.name == named.name and (step := linked_run(where, link)):
                return step
        project = recorded_project(where) or os.getcwd()
    return find_step_operation(project, full_names(named.step, pipeline))
