"""Finalizing much that a run generated, beside digesting the same."""

import os
import shlex
from collections.abc import Iterator

from bench.measure import Cost, Figure, compare, cost, do

FILES = 8
SIZE = 256 << 20
PAIRS = 3

DIGEST = """
import hashlib, sys
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        hashlib.file_digest(file, "sha256")
"""


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*; it takes 4 GiB."""
    data = os.path.join(place, "data")
    os.makedirs(data)
    paths = [os.path.join(data, f"part{i}") for i in range(FILES)]
    for path in paths:
        with open(path, "wb") as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))

    def digest() -> Cost:
        return cost(["python", "-c", DIGEST, *paths], cores=1)

    def finalize(cores: int) -> Cost:
        run_dir = os.path.join(place, "run")
        do("gage-init", run_dir, "--", "cp", "-r", data, ".")
        do("gage-stage", run_dir)
        do("gage-exec", run_dir)
        do("sync")
        used = cost(["gage-finalize", run_dir], cores=cores)
        do("sh", "-c", f"chmod -R u+w {shlex.quote(place)}; rm -rf {shlex.quote(run_dir)}*")
        do("rm", "-rf", os.path.join(place, ".locks"))
        return used

    one, alone = compare(lambda: finalize(1), digest, PAIRS)
    yield Figure(
        "speed of gage-finalize of 2 GiB / digest, 1 core",
        alone.wall / one.wall,
        0.8,
        at_least=True,
    )
    if len(os.sched_getaffinity(0)) > 1:
        two, _ = compare(lambda: finalize(2), digest, PAIRS)
        yield Figure(
            "speed of gage-finalize of 2 GiB, 2 cores / 1 core",
            one.wall / two.wall,
            1,
            at_least=True,
        )
