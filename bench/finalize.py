"""Finalizing much that a run generated, beside digesting the same."""

import os
import shlex
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench.measure import Cost, Figure, Trial, cost, do

SIZE = 2 << 30
ROUNDS = 3

DIGEST = """
import hashlib, sys
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        hashlib.file_digest(file, "sha256")
"""


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*; it takes 4 GiB."""
    for name, files in (("8 files", 8), ("one file", 1)):
        yield from _figures(os.path.join(place, f"of{files}"), name, files)


def _figures(place: str, name: str, files: int) -> Iterator[Figure]:
    data = os.path.join(place, "data")
    os.makedirs(data)
    paths = [os.path.join(data, f"part{i}") for i in range(files)]
    for path in paths:
        with open(path, "wb") as file:
            for _ in range(SIZE // files >> 20):
                file.write(os.urandom(1 << 20))

    def digest() -> Cost:
        return cost(["python", "-c", DIGEST, *paths], cores=1)

    several = len(os.sched_getaffinity(0)) > 1
    trials: list[Trial] = [
        partial(_finalized, place, 1),
        digest,
        partial(_finalized, place, 2),
    ]
    rounds = [[trial().wall for trial in trials[: 2 + several]] for _ in range(ROUNDS)]
    speed = median(alone / one for one, alone, *_ in rounds)
    yield Figure(f"gage-finalize of 2 GiB in {name} / digest", speed, 0.8, at_least=True)
    if several:
        gain = median(one / two for one, _, two in rounds)
        yield Figure("  with 2 cores / with 1", gain, 1, at_least=True)
    do("rm", "-rf", place)


def _finalized(place: str, cores: int) -> Cost:
    """The cost of gage-finalize for a run that generated what is in *place*/data."""
    run_dir = os.path.join(place, "run")
    do("gage-init", run_dir, "--", "cp", "-r", os.path.join(place, "data"), ".")
    do("gage-stage", run_dir)
    do("gage-exec", run_dir)
    do("sync")
    used = cost(["gage-finalize", run_dir], cores=cores)
    do("sh", "-c", f"chmod -R u+w {shlex.quote(run_dir)}*; rm -rf {shlex.quote(run_dir)}*")
    do("rm", "-rf", os.path.join(place, ".locks"))
    return used
