"""Staging many small files, beside ``cp -a`` of the same."""

import os
from collections.abc import Iterator

from bench.measure import Cost, Figure, compare, cost, do

FILES = 1000
PAIRS = 11


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    project = os.path.join(place, "project")
    for i in range(FILES):
        path = os.path.join(project, f"part{i % 20}", f"module{i}.py")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"# module {i}\n" + "value = 1\n" * (i % 400))
    with open(os.path.join(project, "gage.yaml"), "w", encoding="utf-8") as file:
        file.write('train:\n  exec: "true"\n  sourcecode: ["*.py"]\n')

    def stage() -> Cost:
        run_dir = os.path.join(place, "runs", os.urandom(8).hex())
        do("gage-init", run_dir, "-C", project, "train")
        return cost(["gage-stage", run_dir])

    def copy() -> Cost:
        return cost(["cp", "-a", project, os.path.join(place, f"copy{os.urandom(8).hex()}")])

    ours, theirs = compare(stage, copy, PAIRS)
    yield Figure(f"gage-stage of {FILES} files / cp -a, CPU", ours.cpu / theirs.cpu, 1.5)
    yield Figure(f"gage-stage of {FILES} files / cp -a, time", ours.wall / theirs.wall, 1.5)
