"""The tree of a pipeline: its steps, the steps of those that are pipelines, and so on."""

from typing import NamedTuple

from gage.errors import GageError
from gage.expectations import find_unmet
from gage.pipeline import LinkState, find_links, named_steps
from gage.recorded import recorded_opdef
from gage.row import Row, read_row
from gage.run import Run, open_run


class Branch(NamedTuple):
    """A step under the *name* of its link; *row* is its run, where the link leads to one.

    *unmet* is what the pipeline expects of it and it does not meet, a line each.
    """

    name: str
    state: LinkState
    run_dir: str
    row: Row | None
    steps: tuple["Branch", ...]
    unmet: tuple[str, ...] = ()


def step_tree(parent: Run) -> tuple[Branch, ...]:
    """The steps of *parent*, in order; none where it is no pipeline.

    What is damaged is shown as it is found, and raises nothing.
    """
    return _branches(parent, frozenset())


def runs_below(branches: tuple[Branch, ...]) -> list[Row]:
    """The runs of a tree, each before those of its steps."""
    rows = []
    for branch in branches:
        rows += [branch.row] if branch.row else []
        rows += runs_below(branch.steps)
    return rows


def _branches(parent: Run, above: frozenset[str]) -> tuple[Branch, ...]:
    above |= {parent.name}
    try:
        steps = named_steps(recorded_opdef(parent))
    except (GageError, OSError, AttributeError, LookupError, TypeError):
        steps = []  # JSON of any other shape
    try:
        links = find_links(parent, steps)
    except (GageError, OSError):
        return ()
    expected = {named.name: named.step.expect for named in steps}
    branches = []
    for link in links:
        if link.state != "ok" and link.name not in expected:
            continue  # a link that the command made for itself
        row, below = None, tuple[Branch, ...]()
        unmet: list[str] = []
        if link.state == "ok":
            run = open_run(link.run_dir)
            row = read_row(run.home, run.name)
            # A link to a pipeline above is damage, and without an end.
            below = () if run.name in above else _branches(run, above)
            unmet = find_unmet(run, expected.get(link.name, {}))
        branches.append(Branch(link.name, link.state, link.run_dir, row, below, tuple(unmet)))
    return tuple(branches)
