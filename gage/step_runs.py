"""The runs of a pipeline's steps: what each would be, and how it begins.

A pipeline that is staged is a snapshot: the runs of all its steps are begun, linked and
staged with it, and every mistake in the values of any of them is found before the first.
"""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gage.batch import prepare_all
from gage.beginning import init_run
from gage.clock import Clock
from gage.errors import ConfigError, GageError
from gage.given_secrets import hide_secrets
from gage.opdef import OpDef, dependencies, forced_names
from gage.operation import Prepared, find_step_operation
from gage.opref import OpRef
from gage.pipeline import (
    NamedStep,
    StepLink,
    full_names,
    in_step,
    is_pipeline,
    link_step,
    named_steps,
    names_before,
    step_flags,
    step_links,
)
from gage.run import Run, new_run_id
from gage.said import read_said
from gage.scalar import Scalar
from gage.step_secrets import check_step_secrets, environ_for_steps


class PreparedStep(NamedTuple):
    """A step that could begin, from the directory *project*."""

    named: NamedStep
    prepared: Prepared
    project: str


def prepare_steps(
    pipeline: OpRef,
    opdef: OpDef,
    config: Mapping[str, Scalar],
    project: str,
    names: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> list[PreparedStep]:
    """What the run of each step would be, or only of those called *names*.

    *opdef* and *config* are those of the pipeline, *environ* has what secrets it does not
    hand to its steps. Raises ConfigError and NotFoundError that
    name the step, for the steps of steps, too.
    """
    ready = []
    steps = named_steps(opdef)
    its_environ = environ_for_steps(opdef, config, os.environ if environ is None else environ)
    for named in steps:
        if names is not None and named.name not in names:
            continue
        try:
            given = step_flags(named, pipeline, config)
            operation = find_step_operation(project, full_names(named.step, pipeline))
            operation, given, _ = hide_secrets(operation, given, its_environ)
            check_step_secrets(named, pipeline, opdef, operation.opdef)
            # What a person forced upon a batch is forced upon its trials.
            force = named.is_trial and bool(forced_names(opdef))
            prepared = prepare_all(operation, given, force=force)
            if named.step.isolate_runs and not named.is_trial:
                check_upstream(named, steps, prepared.opdef)
            if is_pipeline(prepared.opdef):
                its = prepared.opref, prepared.opdef, prepared.config
                prepare_steps(*its, operation.project, environ=its_environ)
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


def check_upstream(named: NamedStep, steps: Sequence[NamedStep], opdef: OpDef) -> None:
    """Raise ConfigError where the step depends on a run that no step before it makes."""
    before = {other.name: other.step.operation for other in steps}
    made = {before[name] for name in names_before(named, steps)}
    made |= {operation.rpartition(":")[2] for operation in made}
    for dependency in dependencies(opdef):
        if dependency.run and not {dependency.run, dependency.run.rpartition(":")[2]} & made:
            raise ConfigError(
                f"depends on a run of {dependency.run}, and no step that it needs is one",
                "`isolate-runs: no` in the step takes the runs of others, too",
            )
