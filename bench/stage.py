"""Staging many small files, beside ``cp -a`` of the same.

The figures are given with the start of gage-stage, and without it: less what it costs to
stage a project of one file.
"""

import os
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench.measure import Cost, Figure, cost, do

FILES = 1000
PAIRS = 11


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    many, one = _project(place, FILES), _project(place, 1)
    trials = (partial(_staged, place, many), partial(_copied, place, many))
    start = (partial(_staged, place, one), partial(_copied, place, one))
    costs = [[trial() for trial in (*trials, *start)] for _ in range(PAIRS)]
    for what, seconds in (("CPU", _cpu), ("time", _wall)):
        ratio = median(seconds(ours) / seconds(theirs) for ours, theirs, _, _ in costs)
        yield Figure(f"gage-stage of {FILES} files / cp -a, {what}", ratio, 1.5)
        ours, theirs, our_start, their_start = (
            median(map(seconds, column)) for column in zip(*costs, strict=True)
        )
        apart = (ours - our_start) / (theirs - their_start)
        yield Figure("  the same without the start of either", apart, 1.5)


def _project(place: str, files: int) -> str:
    project = os.path.join(place, f"project{files}")
    for i in range(files):
        path = os.path.join(project, f"part{i % 20}", f"module{i}.py")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"# module {i}\n" + "value = 1\n" * (i % 400))
    with open(os.path.join(project, "gage.yaml"), "w", encoding="utf-8") as file:
        file.write('train:\n  exec: "true"\n  sourcecode: ["*.py"]\n')
    return project


def _staged(place: str, project: str) -> Cost:
    run_dir = os.path.join(place, "runs", os.urandom(8).hex())
    do("gage-init", run_dir, "-C", project, "train")
    return cost(["gage-stage", run_dir])


def _copied(place: str, project: str) -> Cost:
    return cost(["cp", "-a", project, os.path.join(place, f"copy{os.urandom(8).hex()}")])


def _cpu(cost: Cost) -> float:
    return cost.cpu


def _wall(cost: Cost) -> float:
    return cost.wall
