"""Small commands: what they cost beside a Python that does nothing."""

import os
from collections.abc import Iterator
from functools import partial

from bench.measure import NOTHING, Cost, Figure, compare, cost, do, ratio

PAIRS = 21


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    nothing = partial(cost, NOTHING)
    done = os.path.join(place, "done")
    for verb in VERBS:
        do(*command_of(verb, done))

    yield Figure("gage-status", ratio(partial(cost, ["gage-status", done]), nothing, PAIRS), 3)
    for verb in VERBS:
        trial = partial(_verb, verb, place)
        yield Figure(f"gage-{verb}", ratio(trial, nothing, PAIRS), 5)

    with open(os.path.join(place, "hello.py"), "w", encoding="utf-8") as file:
        file.write('print("hello")\n')
    whole, _ = compare(partial(cost, ["gage", "run", "hello.py", "-y"], cwd=place), nothing, PAIRS)
    yield Figure("gage run hello.py", whole.cpu, 0.25, "s")


VERBS = ("init", "stage", "exec", "finalize")


def command_of(verb: str, run_dir: str) -> list[str]:
    """The command of a verb, for a run of true(1) without a project."""
    return [f"gage-{verb}", run_dir, *(["--", "true"] if verb == "init" else [])]


def _verb(verb: str, place: str) -> Cost:
    """The cost of a verb on a new run, for which the verbs before it have been done."""
    run_dir = os.path.join(place, "runs", os.urandom(8).hex())
    for before in VERBS[: VERBS.index(verb)]:
        do(*command_of(before, run_dir))
    return cost(command_of(verb, run_dir))
