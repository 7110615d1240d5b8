"""The experiments by name, each with the scenarios that it makes sense with."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.faults import ext4, lab, power
from tests.faults.bench import Bench
from tests.faults.scenarios import SCENARIOS

_ONLY = {"orphan": ("exec",), "look": ("stage", "exec", "finalize")}
_FEWER = 11
_ALONE = {"meet": lab.meet, "orphan": lab.orphan, "look": lab.look, ext4.NAME: ext4.cut}

EXPERIMENTS = ("kill", *_ALONE, *lab.ERRORS, *power.LOSSES)


class Figures(NamedTuple):
    """How many trials an experiment made, in which time, and what failed."""

    what: str
    scenario: str
    trials: int
    seconds: float
    failed: list[lab.Trial]


def experiment(what: str, scenario: str, stride: int = 1) -> Figures:
    """Make the experiment *what* with *scenario* on a bench of its own."""
    began = time.monotonic()
    with Bench() as bench:
        at = lab.prepared(bench, scenario)
        trials = list(every(bench, at, what, stride))
    failed = [trial for trial in trials if trial.trouble]
    return Figures(what, scenario, len(trials), time.monotonic() - began, failed)


def scenarios_of(what: str) -> Sequence[str]:
    """The names of the scenarios that the experiment *what* is made with."""
    if what == ext4.NAME and not ext4.can_mount():
        return ()
    return _ONLY.get(what, tuple(SCENARIOS))


def stride_of(what: str, scenario: str) -> int:
    """How far apart are the calls that are struck when all is to be looked at."""
    return _FEWER if scenario in ("run-steps", "run", "restart") and what != "kill" else 1


def every(bench: Bench, at: lab.Prepared, what: str, stride: int = 1) -> Iterator[lab.Trial]:
    """The trials of the experiment *what*, at every *stride*-th call."""
    number = 1
    while trial := one(bench, at, what, number, 1 + number * 7 % 40):
        yield trial
        number += stride


def one(bench: Bench, at: lab.Prepared, what: str, number: int, again: int = 0) -> lab.Trial | None:
    """One trial of the experiment *what*; None where there are not so many calls."""
    if what == "kill":
        return lab.kill(bench, at, number, again)
    if what in _ALONE:
        return _ALONE[what](bench, at, number)
    if what in power.LOSSES:
        return power.cut(bench, at, what, number)
    return lab.fail(bench, at, what, number)
