"""The runs of a pipeline's steps: what each would be, and how it begins.

A pipeline that is staged is a snapshot: the runs of all its steps are begun, linked and
staged with it, and every mistake in the values of any of them is found before the first.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from gage.batch import prepare_all
from gage.beginning import init_run
from gage.clock import Clock
from gage.errors import GageError, NotFoundError
from gage.opdef import OpDef, forced_names
from gage.operation import Operation, Prepared, open_operation
from gage.pipeline import (
    NamedStep,
    StepLink,
    full_names,
    in_step,
    link_step,
    named_steps,
    step_flags,
    step_links,
)
from gage.recorded import recorded_config
from gage.run import Run, new_run_id
from gage.said import read_said


class PreparedStep(NamedTuple):
    """A step that could begin, from the directory *project*."""

    named: NamedStep
    prepared: Prepared
    project: str


def prepare_steps(
    parent: Run, opdef: OpDef, project: str, names: Sequence[str] | None = None
) -> list[PreparedStep]:
    """What the run of each step would be, or only of those called *names*.

    Raises ConfigError and NotFoundError that name the step.
    """
    assert parent.opref is not None
    config = recorded_config(parent)
    ready = []
    for named in named_steps(opdef):
        if names is not None and named.name not in names:
            continue
        try:
            given = step_flags(named, parent.opref, config)
            operation = _operation(project, full_names(named.step, parent.opref))
            # What a person forced upon a batch is forced upon its trials.
            force = named.is_trial and bool(forced_names(opdef))
            prepared = prepare_all(operation, given, force=force)
        except GageError as error:
            raise in_step(named.name, error) from None
        data = {**prepared.opdef.data, "isolate-runs": named.step.isolate_runs}
        prepared = prepared._replace(opdef=prepared.opdef._replace(data=data))
        ready.append(PreparedStep(named, prepared, operation.project))
    return ready


def begin_step(parent: Run, step: PreparedStep, links: Sequence[StepLink], now: Clock) -> Run:
    """Begin the run of *step*, and link it to *parent* by its name first.

    A link to nothing tells the ID that an earlier beginning chose. The label and the tags of
    the pipeline are the step's too.
    """
    dangling = {link.name: link.run_dir for link in links if link.state == "dangling"}
    name = step.named.name
    id = os.path.basename(dangling.get(name, "")) or new_run_id()
    run_dir = os.path.join(parent.home, id)
    link_step(parent, name, run_dir)
    said = read_said(parent.home, parent.name)
    return init_run(
        run_dir,
        step.prepared,
        step.project,
        id=id,
        label=step.named.step.label or said.label,
        tags=[*said.tags, *step.named.step.tags],
        parent=parent.id,
        sync=parent.sync,
        now=now,
    )


def links_of(parent: Run, opdef: OpDef) -> list[StepLink]:
    """The links of the steps of *parent*, in order. Raises StateError."""
    return step_links(parent, named_steps(opdef))


def _operation(project: str, names: Sequence[str]) -> Operation:
    for name in names:
        try:
            return open_operation(project, name)
        except NotFoundError:
            if name == names[-1]:
                raise
    raise AssertionError("a step has an operation")
