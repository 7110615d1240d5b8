"""The secrets of a pipeline's steps: how values get from its environment to each of them.

A step gets those that the pipeline hands to it (``token=${token}``, ``STEP:token=VALUE``),
and otherwise what the environment around the pipeline has.
"""

import re
from collections.abc import Mapping

from gage.errors import ConfigError, GageError
from gage.flags import flag_environment
from gage.opdef import HIDDEN, OpDef, raw_steps
from gage.opref import OpRef
from gage.pipeline import (
    NamedStep,
    in_step,
    linked_run,
    named_steps,
    step_flag_name,
    step_flags,
    step_links,
)
from gage.recorded import recorded_config, recorded_opdef, recorded_opref
from gage.run import Run
from gage.scalar import Scalar
from gage.secret import kept_secrets, missing_secret, secret_variables
from gage.shell_text import NAME
from gage.status import run_status

Target = tuple[OpDef, Mapping[str, Scalar]]
"""What a run is about to become: its operation and its config."""


def environ_for_steps(
    opdef: OpDef, config: Mapping[str, Scalar], environ: Mapping[str, str]
) -> dict[str, str]:
    """*environ* without what is in it for the pipeline *opdef* alone: its plain values."""
    kept = kept_secrets(opdef, config)
    plain = flag_environment(opdef, {n: v for n, v in config.items() if n not in kept})
    return {n: v for n, v in environ.items() if n not in plain or n in kept.values()}


def step_environ(
    named: NamedStep,
    parent: Run,
    step: OpDef,
    environ: Mapping[str, str],
    target: Target | None = None,
) -> dict[str, str]:
    """The environment for whatever is done to the run of the *step* of *parent*, or of the
    *target* that this is about to become.
    """
    opdef, config = _operation(parent, target)
    kept = kept_secrets(opdef, config)
    values = {n: environ[v] for n, v in kept.items() if environ.get(v)}
    found = environ_for_steps(opdef, config, environ)
    variables = secret_variables(step)
    if values and variables and named.step.operation:
        for name, text in step_flags(named, recorded_opref(parent), config, values).items():
            if name in variables and text not in ("", HIDDEN):
                found[variables[name]] = text
    return found


def check_step_secrets(named: NamedStep, opref: OpRef, pipeline: OpDef, step: OpDef) -> None:
    """Raise ConfigError where a secret would be recorded by the pipeline, or by the step."""
    secrets, of_step = secret_variables(pipeline), secret_variables(step)
    for key in secrets if not named.is_trial else ():
        flag = step_flag_name(key, named, opref)
        if flag and flag not in of_step:
            raise ConfigError(
                f"{key}: a secret of another step, and none of {step.name}",
                f"say for which step it is: STEP:{flag}=VALUE",
            )
    for name, text in named.step.flags.items() if not named.is_trial else ():
        used = [m[1] for m in re.finditer(rf"(?<!\$){NAME}", text) if m[1] in secrets]
        if used and name not in of_step:
            raise ConfigError(
                f"{name}: is no secret of {step.name}, and ${{{used[0]}}} is one",
                f"declare it there: flags: {{{name}: {{secret: true}}}}",
            )
        if name in of_step and text and not used:
            raise ConfigError(
                f"{name}: a secret would stand in the gage file, and in every run",
                f"let the pipeline have a secret flag, and say {name}=${{{name}}}",
            )


def check_secrets(run: Run, environ: Mapping[str, str], *, completed: bool = True) -> None:
    """Raise ConfigError that names a secret of *run*, or of its steps, that *environ* lacks."""
    for variable, name in missing_secrets(run, environ, completed=completed).items():
        raise missing_secret(str(run), name, variable)


def missing_secrets(
    run: Run,
    environ: Mapping[str, str],
    target: Target | None = None,
    *,
    completed: bool = True,
) -> dict[str, str]:
    """The secrets that *run*, or its *target*, needs and *environ* lacks, by variable.

    Those of steps are called ``STEP:NAME``. Without *completed*, completed steps need none.
    """
    opdef, config = _operation(run, target)
    missing = {v: n for n, v in kept_secrets(opdef, config).items() if not environ.get(v)}
    if missing or not raw_steps(opdef):
        return missing
    steps = named_steps(opdef)
    for named, link in zip(steps, step_links(run, steps), strict=False):
        step = linked_run(run, link)
        if step is None or (not completed and run_status(step) == "completed"):
            continue
        try:
            texts = step_flags(named, recorded_opref(run), config)
            its = step_environ(named, run, recorded_opdef(step), environ, target)
            found = missing_secrets(step, its, completed=completed)
        except GageError as error:
            raise in_step(named.name, error) from None
        for variable, name in found.items():
            # What the step was given once, and shall not have any more, is not missed.
            if texts.get(name) != "":
                missing.setdefault(variable, f"{named.name}:{name}")
    return missing


def _operation(run: Run, target: Target | None) -> Target:
    return target or (recorded_opdef(run), recorded_config(run))
