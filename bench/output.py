"""Captured output, beside ``tee`` of the same."""

import os
import shlex
from collections.abc import Iterator
from functools import partial

from bench.measure import Cost, Figure, compare, cost, do

SOURCES = {
    "1 million lines": "seq 1000000",
    "1 GB in one line": "head -c 1000000000 /dev/zero",
}
PAIRS = 5


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    for name, command in SOURCES.items():
        copy = shlex.quote(os.path.join(place, "copy"))
        tee = partial(cost, ["sh", "-c", f"{command} | tee {copy} >/dev/null"])
        ours, theirs = compare(partial(_captured, command, place), tee, PAIRS)
        speed = theirs.wall / ours.wall
        yield Figure(f"speed of gage-exec / tee, {name}", speed, 0.8, at_least=True)


def _captured(command: str, place: str) -> Cost:
    run_dir = os.path.join(place, "run")
    do("gage-init", run_dir, "--", "sh", "-c", command)
    do("gage-stage", run_dir)
    used = cost(["gage-exec", run_dir])
    do("sh", "-c", f"chmod -R u+w {shlex.quote(place)}; rm -rf {shlex.quote(run_dir)}*")
    do("rm", "-rf", os.path.join(place, ".locks"))
    return used
