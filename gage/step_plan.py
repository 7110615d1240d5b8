"""What becomes of each step when a pipeline is run: decided for all before the first runs."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from gage.attempts import attempt_numbers
from gage.batch import MARK
from gage.equal_runs import changed_values
from gage.errors import GageError, LockedError, StateError
from gage.expectations import unmet_expectations
from gage.opdef import OpDef, is_batch
from gage.operation import Operation, Prepared, find_step_operation
from gage.pipeline import (
    NamedStep,
    StepLink,
    full_names,
    in_step,
    is_pipeline,
    linked_run,
    named_steps,
    step_flags,
    step_links,
)
from gage.process_tree import is_left_over, survivors
from gage.recorded import recorded_config, recorded_opdef, recorded_opref, recorded_project
from gage.renewal import renew, renew_from
from gage.run import Run, has_fact, open_run, read_fact
from gage.scalar import Scalar
from gage.staged import check_before_reopening, is_stripped, was_never_staged
from gage.stamps import read_stamp
from gage.status import run_status
from gage.step import Step
from gage.step_runs import prepare_steps
from gage.upstream import is_stale

Action = Literal["make", "stage", "run", "restart", "restart if stale", "leave"]


class PlannedStep(NamedTuple):
    """A step, what is to be done about it, and the texts of the values that are new."""

    named: NamedStep
    action: Action
    link: StepLink
    given: dict[str, str]


class _Plan(NamedTuple):
    """What a plan is made for: *began* is when the present attempt did, None before it has."""

    parent: Run
    opdef: OpDef
    config: Mapping[str, Scalar]
    began: int | None
    needed: bool
    force: bool
    environ: Mapping[str, str]


def plan_steps(
    parent: Run,
    target: Prepared | None = None,
    *,
    needed: bool = False,
    force_sourcecode: bool = False,
    environ: Mapping[str, str] | None = None,
) -> list[PlannedStep]:
    """What to do about each step of *parent*, in order, or of the *target* that it shall become.

    Raises GageErrors that name the step: StateError for a link to something else, a run of
    another operation or one that cannot run, LockedError for one that is running, ConfigError
    for a value. The steps of steps are looked at, too.
    """
    opdef = recorded_opdef(parent) if target is None else target.opdef
    config = recorded_config(parent) if target is None else target.config
    began = None if target else _began(parent, force_sourcecode)
    environ = os.environ if environ is None else environ
    plan = _Plan(parent, opdef, config, began, needed, force_sourcecode, environ)
    steps = named_steps(opdef)
    links = {link.name: link for link in step_links(parent, steps)}
    # A pipeline made by hand has links alone: each is a step, after those before it.
    by_hand = [] if steps else list(links)
    for name in by_hand:
        steps.append(NamedStep(name, Step("", {}), tuple(named.name for named in steps)))
    planned: list[PlannedStep] = []
    by_run: dict[str, Action] = {}
    for named in steps:
        link = links[named.name]
        try:
            planned.append(_planned(plan, named, link, by_run.get(link.run_dir)))
        except GageError as error:
            raise in_step(named.name, error) from None
        by_run.setdefault(link.run_dir, planned[-1].action)
    missing = [step.named.name for step in planned if step.action == "make"]
    if missing:
        project = recorded_project(parent) or os.getcwd()
        prepare_steps(recorded_opref(parent), opdef, config, project, missing, environ=environ)
    return planned


def is_behind(run: Run) -> bool:
    """Whether the finished *run* of a step is not what it would be if it were run now.

    So it is where the runs before it have other results, or that holds for one of its steps.
    """
    if is_stale(run):
        return True
    if not is_pipeline(recorded_opdef(run)):
        return False
    return any(
        step.action != "restart if stale" or is_behind(open_run(step.link.run_dir))
        for step in plan_steps(run, renew(run, {}), needed=True)
    )


def shown_name(named: NamedStep) -> str:
    """The name of a step as it is said: without the number that keeps its link apart."""
    return named.step.name or os.path.basename(named.step.operation.rpartition(":")[2])


def _began(parent: Run, force: bool) -> int | None:
    """When the present attempt of *parent* began, whose steps are not run once more.

    A pipeline that nobody executes, whose steps are run by hand, has one attempt without an
    end, unless its source code is to be another.
    """
    started = read_stamp(parent, "started")
    if started is None:
        return None if force else 0
    return started


def _planned(plan: _Plan, named: NamedStep, link: StepLink, earlier: Action | None) -> PlannedStep:
    """The plan for one step; *earlier* is what an earlier step does to the very same run."""
    run = linked_run(plan.parent, link)
    if run is None:
        if not named.step.operation:
            raise StateError(f"{link.run_dir}: no run here", "link another, or remove the link")
        return PlannedStep(named, "make", link, {})
    _check_operation(plan, named, run)
    status = run_status(run)
    if status == "running" or is_left_over(run):
        who = "" if status == "running" else survivors(run)
        raise LockedError(f"{run}: still running{who}", f"gage runs stop {run.name}")
    if status == "unknown":
        raise StateError(f"{run}: a fact is missing or damaged", f"gage-fsck {run}")
    if status == "pending" and was_never_staged(run):
        if not plan.parent.id or read_fact(run, "parent") != plan.parent.id:
            raise StateError(f"{run}: not staged yet", f"gage-stage {run}")
        return PlannedStep(named, "stage", link, {})
    given, target = _renewed(plan, named, run)
    finished = has_fact(run, "proc", "exit") and not unmet_expectations(run, named.step.expect)
    if finished and not given and earlier in (None, "leave", "restart if stale"):
        started = read_stamp(run, "started")
        if plan.began is not None and started is not None and started >= plan.began:
            return PlannedStep(named, "leave", link, {})
        if (plan.needed or named.step.needed or named.is_trial) and not plan.force:
            return PlannedStep(named, "restart if stale", link, {})
    if named.step.operation and (earlier or _is_anothers(plan, named, run)):
        # What others show as theirs is not ours to run again.
        return PlannedStep(named, "make", link, {})
    if not plan.force:
        check_before_reopening(run)
    if is_pipeline(target.opdef):
        plan_steps(
            *(run, target),
            needed=plan.needed,
            force_sourcecode=plan.force,
            environ=plan.environ,
        )
    fresh = status in ("staged", "pending") and not attempt_numbers(run)
    return PlannedStep(named, "run" if fresh or status == "staged" else "restart", link, given)


def _check_operation(plan: _Plan, named: NamedStep, run: Run) -> None:
    names = full_names(named.step, recorded_opref(plan.parent)) if named.step.operation else []
    if names and str(recorded_opref(run)) not in names and not _is_batch_of(run, names):
        raise StateError(
            f"{run}: a run of {recorded_opref(run)}, and the step is {names[0]}",
            "remove the link to have another run made",
        )


def _is_batch_of(run: Run, names: Sequence[str]) -> bool:
    return is_batch(recorded_opdef(run)) and str(recorded_opref(run)).removesuffix(MARK) in names


def _renewed(plan: _Plan, named: NamedStep, run: Run) -> tuple[dict[str, str], Prepared]:
    """The values that the step has now and its run has not, and what the run becomes.

    With other source code these are all values of the step.
    """
    step = named.step if named.step.operation else None
    texts = step_flags(named, recorded_opref(plan.parent), plan.config) if step else {}
    anew = plan.force or is_stripped(run)
    if not anew or is_batch(recorded_opdef(run)):
        return changed_values(run, texts), renew(run, texts)
    return texts, renew_from(run, _operation_now(run), texts, step)


def _operation_now(run: Run) -> Operation:
    return find_step_operation(recorded_project(run) or os.getcwd(), [str(recorded_opref(run))])


def _is_anothers(plan: _Plan, named: NamedStep, run: Run) -> bool:
    """Whether *run* was not made for this pipeline, but found by it."""
    parent = read_fact(run, "parent")
    return parent != plan.parent.id if parent else named.step.needed
