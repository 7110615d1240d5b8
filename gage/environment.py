"""The environment of a run's processes: the caller's, with the run's own variables over it.

From weak to strong: the caller's environment without what a run around it has set; a
``FLAG_NAME`` for every value; the variables of the operation (``proc/env.json``);
``RUN_ID`` and ``RUN_DIR``. The caller's environment is passed on and never recorded.
"""

import os
from collections.abc import Mapping

from gage.flags import flag_environment
from gage.recorded import recorded_command, recorded_config, recorded_opdef
from gage.run import Run

_OF_A_RUN = ("RUN_ID", "RUN_DIR", "PROJECT_DIR")


def run_environment(run: Run, environ: Mapping[str, str], **extra: str) -> dict[str, str]:
    """The environment for the command or a hook of *run*, *extra* (``PROJECT_DIR``) included.

    *environ* is the caller's. Raises StateError where a fact is missing or damaged.
    """
    run_dir = os.path.abspath(run.run_dir)
    outer = {
        name: value
        for name, value in environ.items()
        if name not in _OF_A_RUN and not name.startswith("FLAG_")
    }
    if "PWD" in outer:
        outer["PWD"] = run_dir
    return (
        outer
        | flag_environment(recorded_opdef(run), recorded_config(run))
        | recorded_command(run).env
        | extra
        | {"RUN_ID": run.id, "RUN_DIR": run_dir}
    )
