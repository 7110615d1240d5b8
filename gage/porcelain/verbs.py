"""The verbs as commands for people call them: in process, and told to the trace.

Each is called as the verb of that name is, and is traced as the plumbing command that would
have done the same. What no such command does, as labels and the trash, is not traced.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gage import beginning
from gage.finding import Finding
from gage.operation import Prepared
from gage.pipeline import is_pipeline
from gage.plumbing import exec as exec_
from gage.plumbing import finalize, reopen, stage
from gage.porcelain.trace import traced
from gage.recorded import recorded_opdef
from gage.run import Run
from gage.step_options import VARIABLE


def init_run(
    run_dir: str,
    prepared: Prepared,
    project: str,
    *,
    words: Callable[[str], Sequence[str]],
    **options: Any,
) -> Run:
    """Begin a run; *words* are those of gage-init, without secrets, for a run dir."""
    shown = [*words(run_dir)]
    with traced(shown):
        run = beginning.init_run(run_dir, prepared, project, **options)
        shown[:] = words(run.run_dir)
    return run


def stage_run(run: Run, project: str, **options: Any) -> None:
    """Stage *run* from *project*."""
    with traced(["gage-stage", "-C", os.path.abspath(project), _path(run)]):
        stage.stage_run(run, project, **options)


def exec_run(run: Run, *, environ: Mapping[str, str], echo: bool, **options: Any) -> int:
    """Execute *run*; how the steps of a pipeline are to be run is shown as a variable."""
    how = environ.get(VARIABLE)
    steps = {VARIABLE: how} if how and is_pipeline(recorded_opdef(run)) else {}
    with traced(["gage-exec", *([] if echo else ["-q"]), _path(run)], steps):
        return exec_.exec_run(run, environ=environ, echo=echo, **options)


def finalize_run(run: Run, exit_code: int | None = None, **options: Any) -> None:
    """Finalize *run*; a command of its own finds the exit code in the run's note."""
    with traced(["gage-finalize", _path(run)]):
        finalize.finalize_run(run, exit_code, **options)


def reopen_run(
    run: Run,
    given: Mapping[str, str],
    *,
    clean: bool,
    force_sourcecode: bool,
    **options: Any,
) -> None:
    """Reopen *run* with the values *given*, in which secrets are hidden."""
    flags = [
        *(["--clean"] if clean else []),
        *(["--force-sourcecode"] if force_sourcecode else []),
    ]
    values = [f"{name}={text}" for name, text in given.items()]
    with traced(["gage-reopen", *flags, _path(run), *values]):
        reopen.reopen_run(run, given, clean=clean, force_sourcecode=force_sourcecode, **options)


def fsck_run_at(run_dir: str, *, repair: bool = False, **options: Any) -> list[Finding]:
    """Everything that is to be said of the run at *run_dir*."""
    from gage.plumbing import fsck

    with traced(["gage-fsck", *(["--repair"] if repair else []), os.path.abspath(run_dir)]):
        return fsck.fsck_run_at(run_dir, repair=repair, **options)


def _path(run: Run) -> str:
    return os.path.abspath(run.run_dir)
