"""What becomes of each step when a pipeline is run: decided for all before the first runs."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from gage.batch import MARK
from gage.errors import GageError, LockedError, StateError
from gage.locks import is_held
from gage.opdef import is_batch
from gage.pipeline import (
    NamedStep,
    StepLink,
    full_names,
    in_step,
    linked_run,
    named_steps,
    step_flags,
    step_links,
)
from gage.recorded import recorded_config, recorded_opdef, recorded_project
from gage.renewal import renewed_config
from gage.run import Run, read_fact
from gage.scalar import Scalar, format_value
from gage.status import run_status
from gage.step import Step
from gage.step_runs import prepare_steps

Action = Literal["make", "run", "restart", "restart if stale", "leave"]


class PlannedStep(NamedTuple):
    """A step, what is to be done about it, and the texts of the values that are new."""

    named: NamedStep
    action: Action
    link: StepLink
    given: dict[str, str]


def plan_steps(
    parent: Run,
    config: Mapping[str, Scalar] | None = None,
    *,
    needed: bool = False,
    force_sourcecode: bool = False,
) -> list[PlannedStep]:
    """What to do about each step of *parent*, in order, with the *config* it has or will have.

    Raises GageErrors that name the step: StateError for a link to something else, a run of
    another operation or one not staged, LockedError for one that is running, ConfigError
    for a value.
    """
    opdef = recorded_opdef(parent)
    config = recorded_config(parent) if config is None else config
    steps = named_steps(opdef)
    links = {link.name: link for link in step_links(parent, steps)}
    # A pipeline made by hand has links alone: each is a step, after those before it.
    by_hand = [name for name in links if name not in {named.name for named in steps}]
    for name in by_hand if not steps else ():
        steps.append(NamedStep(name, Step("", {}), tuple(named.name for named in steps)))
    plan = []
    for named in steps:
        try:
            plan.append(
                _planned(parent, config, named, links[named.name], needed, force_sourcecode)
            )
        except GageError as error:
            raise in_step(named.name, error) from None
    missing = [planned.named.name for planned in plan if planned.action == "make"]
    if missing:
        prepare_steps(parent, opdef, recorded_project(parent) or os.getcwd(), missing)
    return plan


def shown_name(named: NamedStep) -> str:
    """The name of a step as it is said: without the number that keeps its link apart."""
    return named.step.name or os.path.basename(named.step.operation.rpartition(":")[2])


def _planned(
    parent: Run,
    config: Mapping[str, Scalar],
    named: NamedStep,
    link: StepLink,
    needed: bool,
    force: bool,
) -> PlannedStep:
    run = linked_run(parent, link)
    if run is None:
        return PlannedStep(named, "make", link, {})
    _check_operation(parent, named, run)
    status = run_status(run)
    if status == "running" or is_held(run, "tree"):
        raise LockedError(f"{run}: still running", f"gage runs stop {run.name}")
    if status == "pending" and read_fact(run, "attempts", "1", "started") is None:
        raise StateError(f"{run}: not staged yet", f"gage-stage {run}")
    if status == "unknown":
        raise StateError(f"{run}: a fact is missing or damaged")
    given = _new_values(parent, config, named, run, force)
    if status == "staged":
        return PlannedStep(named, "run", link, given)
    if status == "completed" and _is_done(parent, run):
        return PlannedStep(named, "leave", link, {})
    needed = needed or named.is_trial
    if needed and status == "completed" and not given and not force:
        return PlannedStep(named, "restart if stale", link, {})
    return PlannedStep(named, "restart", link, given)


def _check_operation(parent: Run, named: NamedStep, run: Run) -> None:
    assert parent.opref is not None
    names = full_names(named.step, parent.opref) if named.step.operation else []
    if names and str(run.opref) not in names and not _is_batch_of(run, names):
        raise StateError(
            f"{run}: a run of {run.opref}, and the step is {names[0]}",
            "remove the link to have another run made",
        )


def _is_batch_of(run: Run, names: Sequence[str]) -> bool:
    return is_batch(recorded_opdef(run)) and str(run.opref).removesuffix(MARK) in names


def _new_values(
    parent: Run, config: Mapping[str, Scalar], named: NamedStep, run: Run, force: bool
) -> dict[str, str]:
    """The values that the step has now and its run has not, as texts, found to be right."""
    if not named.step.operation:
        return {}
    assert parent.opref is not None
    texts = step_flags(named, parent.opref, config)
    if force:
        return texts
    recorded = recorded_config(run)
    renewed = renewed_config(run, recorded_opdef(run), run.run_dir, texts)
    return {
        name: format_value(value)
        for name, value in renewed.config.items()
        if name not in recorded or format_value(recorded[name]) != format_value(value)
    }


def _is_done(parent: Run, run: Run) -> bool:
    """Whether *run* completed in the present attempt of *parent*."""
    started, began = read_fact(run, "started"), read_fact(parent, "started")
    return began is None or (started is not None and int(started) >= int(began))
