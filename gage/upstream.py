"""Upstream: the runs that the run of a step takes files from, those of the steps before it.

In a pipeline ``depends: run:`` means the last step before that runs such an operation, in
this very attempt; with ``isolate-runs: no`` it means the newest run of all.
"""

import os
from collections.abc import Iterable, Mapping, Sequence

from gage.clock import Clock
from gage.dependencies import upstream_digests
from gage.dirs import is_passing
from gage.errors import LockedError, StateError
from gage.locks import holding
from gage.opdef import OpDef, dependencies, is_batch
from gage.pipeline import named_steps, names_before, step_links
from gage.progress import Tell, ignore
from gage.recorded import recorded_dependencies, recorded_opdef, recorded_project
from gage.run import Run, has_fact, open_run, read_fact, run_names
from gage.staging import Staging, take_upstream
from gage.status import run_status


def takes_from_runs(opdef: OpDef) -> bool:
    """Whether the operation depends on the runs of others."""
    return any(dependency.run for dependency in dependencies(opdef))


def is_stale(run: Run) -> bool:
    """Whether the runs before *run* ended with other files than it took from them."""
    opdef = recorded_opdef(run)
    if not takes_from_runs(opdef):
        return False
    taken = {r["path"]: r["digest"] for r in recorded_dependencies(run) if "run" in r}
    try:
        return taken != upstream_digests(run, dependencies(opdef), among=sources(run))
    except StateError:
        return True


def take_anew(run: Run, *, environ: Mapping[str, str], tell: Tell, now: Clock) -> None:
    """Let the staged *run*, of a step, have what the runs before it are now.

    Raises StateError where it needs one that is not there.
    """
    opdef = recorded_opdef(run)
    if not takes_from_runs(opdef):
        return
    project = recorded_project(run) or os.getcwd()
    with holding(run):
        staging = Staging(run, opdef, project, environ, ignore, tell, now, {}, anew=False)
        take_upstream(staging, sources(run))


def sources(run: Run) -> Sequence[str] | None:
    """The names of the runs that *run* may take files from, the first to be asked first.

    None where it may be any. A trial of a batch takes them from where the batch may.
    """
    seen: set[str] = set()  # a batch that is its own parent has no runs before it
    while recorded_opdef(run).data.get("isolate-runs", True) and has_fact(run, "parent"):
        parent = find_parent(run)
        if parent is None or parent.name in seen:
            return []
        if not is_batch(recorded_opdef(parent)):
            return siblings_before(parent, run)
        seen.add(parent.name)
        run = parent
    return None


def find_parent(run: Run) -> Run | None:
    """The pipeline that *run* is a step of, if it is one and that is there."""
    id = read_fact(run, "parent")
    if not id:
        return None
    for name in (id, *run_names(run.home)):
        found = Run(os.path.join(run.home, name), id, None)
        if _id_of(found) == id:
            return open_run(found.run_dir, sync=run.sync)
    return None


def expect_idle_parent(run: Run) -> None:
    """Raise LockedError where the pipeline that *run* is a step of is running."""
    parent = find_parent(run)
    if parent and run_status(parent) == "running":
        raise LockedError(
            f"{run}: a step of {parent}, which is running", f"gage runs stop {parent.name}"
        )


def _id_of(run: Run) -> str | None:
    try:
        return read_fact(run, "id")
    except OSError as error:
        if is_passing(error):
            raise
        return None  # it is damaged, and none of our business


def siblings_before(parent: Run, run: Run) -> list[str]:
    """The names of the runs that *run*, a step of *parent*, may take from, the last first.

    A step that is a batch stands for its trials, too.
    """
    steps = named_steps(recorded_opdef(parent))
    links = {link.name: link for link in step_links(parent, steps) if link.state == "ok"}
    mine = [name for name, link in links.items() if os.path.basename(link.run_dir) == run.name]
    for named in steps:
        if named.name in mine:
            return _run_names(links[n].run_dir for n in names_before(named, steps) if n in links)
    names = list(links)
    at = names.index(mine[0]) if mine else len(names)
    return _run_names(links[name].run_dir for name in reversed(names[:at]))


def _run_names(run_dirs: Iterable[str]) -> list[str]:
    names = []
    for run_dir in run_dirs:
        names.append(os.path.basename(run_dir))
        run = open_run(run_dir)
        if is_batch(recorded_opdef(run)):
            trials = [link.run_dir for link in step_links(run) if link.state == "ok"]
            names += _run_names(reversed(trials))
    return names
