"""A sample of what the lab does; ``make faults`` does all of it.

``python -m tests.faults EXPERIMENT SCENARIO --at N`` repeats what fails here.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import pytest

from tests.faults.experiments import experiment, scenarios_of
from tests.faults.mutants import MUTANTS, Mutant, caught, mutated
from tests.faults.shim import can_compile

pytestmark = [
    pytest.mark.skipif(not can_compile(), reason="the lab needs a C compiler"),
    pytest.mark.xdist_group("lab"),  # it divides its work among the processors by itself
]

# How many calls lie between two that are struck. The verbs of plumbing make about a hundred
# each, the pipelines several hundred, and a trial of these takes ten times as long.
STRIDES: dict[str, dict[str, int]] = {
    "kill": {"": 11, "run-one": 53, "run-steps": 97, "restart": 131, "run": 307},
    "meet": {"": 11, "run-one": 53, "run-steps": 97, "restart": 131, "run": 307},
    "orphan": {"": 1},
    "look": {"": 1},
    "EIO": {"": 23, "run-one": 101, "run-steps": 211, "restart": 307, "run": 499},
    "ENOSPC-on": {"": 13, "run-one": 47, "run-steps": 97, "restart": 151, "run": 211},
    "EMFILE": {"finalize": 5, "exec": 17},
    "EROFS-on": {"stage": 29, "reopen": 37},
    "EDQUOT-on": {"exec": 13},
    "short-on": {"run-one": 7},
    "data-lost": {"run-one": 31, "reopen": 17},
    "names-lost": {"run-one": 31, "reopen": 17},
    "all-lost": {"run-one": 37, "init": 19},
    "reordered": {"run-one": 37, "init": 19, "run": 599},
    "ext4": {"run-one": 47},
}

# Those that are noticed within a few trials.
QUICK = (
    "a short write is believed",
    "what a killed staging left is kept",
    "a mode is changed through a link",
    "the mode of a file that has other links is changed",
    "a lock is not taken",
    "the lock of the tree is not inherited",
    "what a command left behind is not looked for",
    "the command outlives its runner",
    "started comes after the command",
    "proc/exit comes before the manifest",
    "proc/exit is not looked at again",
    "a link of a step is taken away before it is made anew",
)


def sample() -> list[tuple[str, str, int]]:
    """The experiments of the sample: what, with which scenario, and how often."""
    return [
        (what, scenario, strides.get(scenario, strides.get("", 0)))
        for what, strides in STRIDES.items()
        for scenario in scenarios_of(what)
        if strides.get(scenario, strides.get(""))
    ]


@pytest.fixture(scope="module")
def under_way(request: pytest.FixtureRequest) -> Iterator[dict[Any, "Future[Any]"]]:
    """All that is asked for here, begun at once on all processors."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        futures: dict[Any, Future[Any]] = {}
        for item in request.session.items:
            if item.path == request.path and "under_way" in getattr(item, "fixturenames", ()):
                asked = item.callspec.params["asked"]
                work = caught if isinstance(asked, Mutant) else experiment
                words = (asked,) if isinstance(asked, Mutant) else asked
                futures[asked] = pool.submit(work, *words)
        yield futures


@pytest.mark.parametrize("asked", sample(), ids=lambda asked: f"{asked[0]}-{asked[1]}")
def test_whatever_happens_no_promise_is_broken(asked, under_way):
    figures = under_way[asked].result()
    assert figures.trials
    assert {trial.words: trial.trouble for trial in figures.failed} == {}


@pytest.mark.parametrize(
    "asked", [m for m in MUTANTS if m.name in QUICK], ids=lambda mutant: mutant.name
)
def test_the_lab_notices_what_is_missing(asked, under_way):
    assert under_way[asked].result()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_takes_away_is_there(mutant):
    with mutated(mutant) as tree:
        assert os.path.isdir(tree)
