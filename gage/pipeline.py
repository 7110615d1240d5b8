"""A pipeline: an operation made of steps, whose run holds a link to the run of each step.

``NAME -> ../STEP`` in the run dir, relative, so that a runs home can be moved. The runs of
the steps are ordinary runs beside it that name it in ``parent``. The command of a pipeline
is gage-run-steps, and that is all that is special about its run.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from gage.acting import expect_ours
from gage.dirs import make_link
from gage.durable import sync_dir
from gage.errors import ConfigError, GageError, NotFoundError, StateError
from gage.flags import as_text
from gage.nearest import did_you_mean
from gage.opdef import OpDef, is_batch, raw_steps
from gage.opref import OpRef
from gage.recorded import recorded_opdef
from gage.run import Run, checked_name, expect_no_link, open_run, tmp_dir
from gage.scalar import Scalar, format_value
from gage.shell_text import fill_text
from gage.step import Step, parse_step, step_names

LinkState = Literal["ok", "dangling", "missing", "unexpected"]

_WHOLE = re.compile(r"\$\{([^}]*)\}")


class NamedStep(NamedTuple):
    """A step under the name that its link has; *needs* are the names of steps before it.

    ``is_trial`` is whether it is one of a batch.
    """

    name: str
    step: Step
    needs: tuple[str, ...]
    is_trial: bool = False


class StepLink(NamedTuple):
    """A link of a pipeline: where it leads, whether or not a run is there."""

    name: str
    state: LinkState
    run_dir: str


def is_pipeline(opdef: OpDef) -> bool:
    """Whether the operation is made of steps."""
    return bool(raw_steps(opdef))


def named_steps(opdef: OpDef) -> list[NamedStep]:
    """The steps of a pipeline, in order. Raises ConfigError."""
    steps = [parse_step(raw) for raw in raw_steps(opdef)]
    trials = is_batch(opdef)
    if trials:
        # A batch is no pipeline of its own: its trials may take what it may take itself.
        isolated = bool(opdef.data.get("isolate-runs"))
        steps = [step._replace(isolate_runs=isolated) for step in steps]
    names = step_names(steps)
    return [
        NamedStep(name, step, tuple(names[:i]) if step.needs is None else step.needs, trials)
        for i, (name, step) in enumerate(zip(names, steps, strict=True))
    ]


def names_before(named: NamedStep, steps: Sequence[NamedStep]) -> list[str]:
    """The names of the steps that *named* needs, and of those that they need, the last first."""
    needed = set(named.needs)
    for step in reversed(steps):
        needed |= set(step.needs) if step.name in needed else set()
    return [step.name for step in reversed(steps) if step.name in needed]


def full_names(step: Step, pipeline: OpRef) -> list[str]:
    """What the operation of *step* may be called in full: that of the namespace goes first."""
    if ":" in step.operation or not pipeline.namespace:
        return [step.operation]
    return [f"{pipeline.namespace}:{step.operation}", step.operation]


def step_flags(
    named: NamedStep,
    pipeline: OpRef,
    config: Mapping[str, Scalar],
    secrets: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The values for a step, as texts: those of its definition, with ``${name}`` filled in
    from the *config* of the pipeline, then those that were given as ``STEP:NAME=VALUE``.

    *secrets* are texts that stand as they are in place of what the config has for them.

    Raises ConfigError for a name that the pipeline has not.
    """
    secrets = secrets or {}
    if named.is_trial:
        from gage.trials import trial_flags

        return trial_flags(named.name, named.step.flags, config, secrets)
    own = {key: value for key, value in config.items() if ":" not in key}

    def value_of(name: str) -> Scalar:
        if name not in own:
            raise ConfigError(
                f"${{{name}}}: the pipeline has no such value", did_you_mean(name, own)
            )
        return own[name]

    texts = {}
    for name, text in named.step.flags.items():
        # A value that is handed on whole stays of its kind, as a text would not.
        whole = _WHOLE.fullmatch(text)
        texts[name] = (
            secrets.get(whole[1]) or format_value(value_of(whole[1]))
            if whole
            else fill_text(text, lambda name: secrets.get(name) or as_text(value_of(name)))
        )
    of_operation: dict[str, str] = {}
    of_step: dict[str, str] = {}
    for key, value in config.items():
        if flag := step_flag_name(key, named, pipeline):
            # What is said of this very step holds before what is said of its operation.
            texts_of = of_step if key == f"{named.name}:{flag}" else of_operation
            texts_of[flag] = secrets.get(key, format_value(value))
    return texts | of_operation | of_step


def step_flag_name(key: str, named: NamedStep, pipeline: OpRef) -> str | None:
    """The flag of the step that ``STEP:NAME`` or ``OPERATION:NAME`` means, if it means one."""
    for prefix in (named.name, *full_names(named.step, pipeline), named.step.operation):
        if key.startswith(prefix + ":"):
            return key[len(prefix) + 1 :]
    return None


def split_step_flags(
    opdef: OpDef, pipeline: OpRef, given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Of *given* what is for the pipeline itself, and what is for flags of its steps.

    Raises ConfigError for a flag of a step that is not there.
    """
    steps = named_steps(opdef)
    own: dict[str, str] = {}
    for_steps: dict[str, str] = {}
    for key, text in given.items():
        if any(step_flag_name(key, named, pipeline) for named in steps):
            for_steps[key] = text
        elif ":" in key and steps and '"' not in key:
            names = ", ".join(named.name for named in steps)
            raise ConfigError(f"{key}: {pipeline} has no such step", f"its steps: {names}")
        else:
            own[key] = text
    return own, for_steps


def step_links(parent: Run, steps: Sequence[NamedStep] = ()) -> list[StepLink]:
    """The links in the run dir of *parent*: those of *steps*, there or not, then all others
    in the order in which they were made.

    Raises StateError where something else lies where the link of a step should be, or where
    one leads in a circle, in which the steps of steps had no end.
    """
    links = find_links(parent, steps)
    for link in links:
        if link.state == "unexpected":
            raise _unexpected(os.path.join(parent.run_dir, link.name))
    names = {named.name for named in steps}
    _expect_end(parent, [link for link in links if link.name in names or not names], (), set())
    return links


def _expect_end(
    run: Run, links: Sequence[StepLink], above: tuple[str, ...], ends: set[str]
) -> None:
    """Raise StateError where one of the *links* of *run* leads back to it, or further up.

    *above* are the names of the pipelines that *run* is below; *ends* those of runs below
    which there is no circle.
    """
    above += (run.name,)
    for link in links:
        name = os.path.basename(link.run_dir)
        if name in above:
            path = os.path.join(run.run_dir, link.name)
            raise StateError(f"{path}: a link that leads back to its own pipeline", f"rm {path}")
        if link.state == "ok" and name not in ends:
            step = open_run(link.run_dir)
            _expect_end(step, _links_below(step), above, ends)
    ends.add(run.name)


def _links_below(run: Run) -> list[StepLink]:
    try:
        steps = named_steps(recorded_opdef(run))
        names = {named.name for named in steps}
        return [link for link in find_links(run, steps) if link.name in names] if steps else []
    except (GageError, OSError, AttributeError, LookupError, TypeError):
        return []  # damaged, and said to be so by whoever needs it


def find_links(parent: Run, steps: Sequence[NamedStep] = ()) -> list[StepLink]:
    """As step_links, where what is no link to a run is ``unexpected`` and no error."""
    present = dict.fromkeys(_in_order(parent.run_dir))
    names = dict.fromkeys(named.name for named in steps)
    names |= {name: None for name in present if name not in names and find_sibling(parent, name)}
    return [_step_link(parent, name, name in present) for name in names]


def linked_names(parent: Run) -> list[str]:
    """The names beside *parent* that links in its run dir lead to, whatever is there."""
    links = (find_sibling(parent, name) for name in _in_order(parent.run_dir))
    return [os.path.basename(run_dir) for run_dir in links if run_dir]


def find_sibling(parent: Run, name: str) -> str | None:
    """The run dir beside *parent* that the link *name* leads to; None for anything else."""
    try:
        target = os.readlink(os.path.join(parent.run_dir, name))
    except OSError:
        return None
    up, _, base = target.partition("/")
    if up != ".." or not base or "/" in base or base.startswith("."):
        return None
    return os.path.join(parent.home, base)


def link_step(parent: Run, name: str, step_dir: str) -> None:
    """Make *name* in the run dir of *parent* a link to the run dir *step_dir* beside it.

    It appears at once and durably. Raises StateError where something else has that name,
    UsageError where it is no name for a link, or the run is not beside its parent.
    """
    expect_ours(parent)
    target = os.path.join("..", os.path.basename(step_dir.rstrip("/")))
    if os.path.realpath(os.path.dirname(step_dir.rstrip("/")) or ".") != os.path.realpath(
        parent.home
    ):
        raise StateError(f"{step_dir}: a step must lie beside its pipeline, in {parent.home}")
    path = os.path.join(parent.run_dir, checked_name(name))
    os.makedirs(parent.run_dir, mode=0o775, exist_ok=True)
    expect_no_link(parent.run_dir)
    if os.path.lexists(path) and not os.path.islink(path):
        raise _unexpected(path)
    temporary = os.path.join(tmp_dir(parent), os.urandom(12).hex())
    make_link(target, temporary, path)
    os.rename(temporary, path)
    sync_dir(parent.run_dir, parent.sync)


def linked_run(parent: Run, link: StepLink) -> Run | None:
    """The run at the end of *link*; None where there is none."""
    return open_run(link.run_dir, sync=parent.sync) if link.state == "ok" else None


def in_step(name: str, error: GageError) -> GageError:
    """*error* with the name of the step that it is about."""
    return type(error)(f"step {name}: {error.message}", error.hint)


def _step_link(parent: Run, name: str, present: bool) -> StepLink:
    if not present:
        return StepLink(name, "missing", "")
    run_dir = find_sibling(parent, name)
    if run_dir is None:
        return StepLink(name, "unexpected", "")
    try:
        open_run(run_dir)
    except NotFoundError:
        state: LinkState = "unexpected" if os.path.lexists(run_dir) else "dangling"
        return StepLink(name, state, run_dir)
    return StepLink(name, "ok", run_dir)


def _in_order(run_dir: str) -> list[str]:
    try:
        with os.scandir(run_dir) as entries:
            made = [
                (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries
            ]
    except FileNotFoundError:
        return []
    return [name for _, name in sorted(made)]


def _unexpected(path: str) -> StateError:
    return StateError(f"unexpected step run link {path}: expected a link to a run")
