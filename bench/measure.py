"""Costs of commands, and figures: a cost beside its limit.

Costs are taken in pairs, one of ours and one of theirs in turn, so that what else the
machine does falls on both; of many, the median counts.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    """Seconds of processor time, children included, and seconds that went by.

    *memory* is the most that any process of it held at once, in megabytes.
    """

    cpu: float
    wall: float
    memory: float = 0.0


class Figure(NamedTuple):
    """A measured value: no more than *limit* is good, or no less where *at_least* is set.

    *unit* is ``×`` for a ratio, ``s`` for seconds, ``MB`` for megabytes.
    """

    name: str
    value: float
    limit: float
    unit: str = "×"
    at_least: bool = False

    @property
    def good(self) -> bool:
        """Whether the value keeps to its limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class MeasureError(Exception):
    """A command that was to be measured failed."""


Trial = Callable[[], Cost]

NOTHING = ["python", "-c", "pass"]  # the least that any Python program costs


def cost(command: Sequence[str], *, cwd: str | None = None, cores: int = 0) -> Cost:
    """Run *command* once, on *cores* cores (0: on all), and say what it cost.

    Raises MeasureError where it does not end with 0.
    """
    if cores:
        allowed = sorted(os.sched_getaffinity(0))[:cores]
        command = ["taskset", "-c", ",".join(map(str, allowed)), *command]
    with open(os.devnull, "r+b") as null:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, stdin=null, stdout=null, stderr=subprocess.PIPE
        )
        assert process.stderr
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        ended = time.perf_counter()
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise MeasureError(f"{' '.join(command)}: exit {process.returncode}\n{said.decode()}")
    return Cost(used.ru_utime + used.ru_stime, ended - began, used.ru_maxrss / 1000)


def compare(ours: Trial, theirs: Trial, pairs: int) -> tuple[Cost, Cost]:
    """The median costs of *ours* and of *theirs*, taken in turn, *pairs* times."""
    costs = [(ours(), theirs()) for _ in range(pairs)]
    return _median([ours for ours, _ in costs]), _median([theirs for _, theirs in costs])


def ratio(ours: Trial, theirs: Trial, pairs: int) -> float:
    """How many times the processor time of *theirs* *ours* takes: the median over the pairs."""
    return median(ours().cpu / theirs().cpu for _ in range(pairs))


def do(*command: str, cwd: str | None = None) -> None:
    """Run a command that is not measured. Raises MeasureError where it does not end with 0."""
    cost(command, cwd=cwd)


def line(figure: Figure) -> str:
    """A figure as a line: name, value, limit, and words where the limit is not kept."""
    sign = "≥" if figure.at_least else "≤"
    return (
        f"{figure.name:50}  {figure.value:8.2f} {figure.unit:2}  {sign} {figure.limit:g} "
        f"{figure.unit:2} {'' if figure.good else 'NOT KEPT'}"
    ).rstrip()


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*map(median, zip(*costs, strict=True)))
