"""The hint for a value that a pipeline has not, and a step of it has."""

from collections.abc import Sequence

from gage.flags import parse_value
from gage.run import Run
from gage.step_tree import step_tree


def steps_with(run: Run, name: str) -> list[str]:
    """The steps of the pipeline *run* whose runs have a value *name*."""
    return [step.name for step in step_tree(run) if step.row and name in step.row.config]


def for_steps(name: str, text: str, steps: Sequence[str]) -> str:
    """How *text* is given to a step as its value *name*; it is *steps* that have one."""
    # Only a number is said again: a word may be a secret.
    value = text if isinstance(parse_value(text), int | float) else "VALUE"
    ways = " or ".join(f"{step}:{name}={value}" for step in steps)
    return f"{ways} is for that step" if steps else ""
