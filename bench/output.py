"""Captured output, beside ``tee`` of the same.

A short output is over before a Python has started: so its figure is given once as it is and
once without what it costs either of the two to capture nothing.
"""

import os
import shlex
from collections.abc import Iterator

from bench.measure import Cost, Figure, MeasureError, compare, cost, do

SOURCES = {
    "1 million lines": ("seq 1000000", 6_888_896),
    "20 million lines": ("seq 20000000", 168_888_897),
    "1 GB in one line": ("head -c 1000000000 /dev/zero", 1_000_000_000),
}
PAIRS = 5

MEMORY = 30.0


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    idle, tee_idle = _pair(place, "true", 0)
    for name, (command, size) in SOURCES.items():
        ours, theirs = _pair(place, command, size)
        speed = theirs.wall / ours.wall
        yield Figure(f"gage-exec / tee, speed, {name}", speed, 0.8, at_least=True)
        apart = (theirs.wall - tee_idle.wall) / (ours.wall - idle.wall)
        yield Figure("  the same without the start of either", apart, 0.8, at_least=True)
        more = ours.memory - idle.memory
        yield Figure("  memory of gage-exec, above a run of true", more, MEMORY, "MB")


def _pair(place: str, command: str, size: int) -> tuple[Cost, Cost]:
    """What it costs when gage-exec and when tee captures *command*."""
    return compare(
        lambda: _captured(place, command, size), lambda: _teed(place, command, size), PAIRS
    )


def _captured(place: str, command: str, size: int) -> Cost:
    run_dir = os.path.join(place, "run")
    do("gage-init", run_dir, "--", "sh", "-c", command)
    do("gage-stage", run_dir)
    used = cost(["gage-exec", run_dir])
    _expect(os.path.join(f"{run_dir}.meta", "output", "40_run"), size)
    do("sh", "-c", f"chmod -R u+w {shlex.quote(place)}; rm -rf {shlex.quote(run_dir)}*")
    do("rm", "-rf", os.path.join(place, ".locks"))
    return used


def _teed(place: str, command: str, size: int) -> Cost:
    copy = os.path.join(place, "copy")
    used = cost(["sh", "-c", f"{command} | tee {shlex.quote(copy)} >/dev/null"])
    _expect(copy, size)
    os.unlink(copy)
    return used


def _expect(path: str, size: int) -> None:
    if os.path.getsize(path) != size:
        raise MeasureError(f"{path}: {os.path.getsize(path)} bytes, not {size}")
