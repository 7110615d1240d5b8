"""The environment of a run's processes: the caller's, with the run's own variables over it.

From weak to strong: the caller's environment without what a run around it has set; a
``FLAG_NAME`` for every value; the variables of the operation (``proc/env.json``);
``RUN_ID``, ``RUN_DIR`` and ``GAGE_RUNS``, so that a run within the run lies beside it and
not in it. The caller's environment is passed on and never recorded; secrets come from it.
"""

import os
import sys
from collections.abc import Mapping

from gage.flags import flag_environment
from gage.opdef import raw_steps
from gage.recorded import recorded_command, recorded_config, recorded_opdef
from gage.run import Run
from gage.secret import kept_secrets

_OF_A_RUN = ("RUN_ID", "RUN_DIR", "PROJECT_DIR")


def run_environment(run: Run, environ: Mapping[str, str], **extra: str) -> dict[str, str]:
    """The environment for the command or a hook of *run*, *extra* (``PROJECT_DIR``) included.

    *environ* is the caller's. Raises StateError where a fact is missing or damaged.
    """
    run_dir = os.path.abspath(run.run_dir)
    opdef, config = recorded_opdef(run), recorded_config(run)
    secrets = kept_secrets(opdef, config)
    # The steps of a pipeline may have secrets of their own, and drop what is not for them.
    dropped = () if raw_steps(opdef) else ("FLAG_",)
    outer = {
        name: value
        for name, value in environ.items()
        if name not in _OF_A_RUN and not name.startswith(dropped)
    }
    if "PWD" in outer:
        outer["PWD"] = run_dir
    if raw_steps(opdef):
        # Whoever starts gage by its path need not have the commands of gage on theirs.
        outer["PATH"] = os.pathsep.join([outer.get("PATH", os.defpath), *_our_commands()])
    return (
        outer
        | flag_environment(opdef, {n: v for n, v in config.items() if n not in secrets})
        | {name: environ[name] for name in secrets.values() if name in environ}
        | recorded_command(run).env
        | extra
        | {"RUN_ID": run.id, "RUN_DIR": run_dir, "GAGE_RUNS": os.path.dirname(run_dir)}
    )


def _our_commands() -> list[str]:
    return [os.path.dirname(sys.executable)] if sys.executable else []


def secret_values(run: Run, env: Mapping[str, str]) -> frozenset[str]:
    """The secrets of *run* that are in its environment *env*: nothing may tell them."""
    variables = kept_secrets(recorded_opdef(run), recorded_config(run)).values()
    return frozenset(value for name in variables if (value := env.get(name)))
