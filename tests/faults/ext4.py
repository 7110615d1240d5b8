"""A real power cut: a file system in a file, told by an ioctl to forget what is not on it.

The place of the bench is an ext4 on a loop device, mounted with ``data=writeback``, which
orders data and names as little as any. At the call that is struck it is shut down without
its journal being written, as if the machine had lost its power; then it is mounted again.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults import lab
from tests.faults.bench import Bench
from tests.faults.promises import broken_promises
from tests.faults.shim import SHUTDOWN, Fault

NAME = "ext4"
_MEGABYTES = 16


def can_mount() -> bool:
    """Whether this machine lets us mount a file."""
    with tempfile.TemporaryDirectory() as place:
        try:
            os.mkdir(os.path.join(place, "root"))
            with _mounted(_image(place), os.path.join(place, "root")):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def cut(bench: Bench, at: lab.Prepared, number: int) -> lab.Trial | None:
    """Cut the power before the call *number* of the verb; None where there are not so many."""
    image = _image(bench.place)
    with _mounted(image, bench.root):
        bench.reset(at.template, keep_root=True)
        os.sync()
        answer = bench.run(at.scenario.argv, Fault(SHUTDOWN, number), patience=0)
        if not bench.hit().hits:
            return None
    bench.reboot()
    with _mounted(image, bench.root):
        trouble = [f"after the cut: {line}" for line in broken_promises(bench, power=True)]
        said = set(answer.out.split()) if at.scenario.name == "init" else set()
        trouble += [
            f"{run} was announced" for run in said if not os.path.exists(bench.path(f"{run}.meta"))
        ]
        trouble += lab.judged(bench, at)
    return lab.Trial(f"{NAME} {at.scenario.name} --at {number}", trouble)


def _image(place: str) -> str:
    image = os.path.join(place, "disk")
    with open(image, "wb") as file:
        file.truncate(_MEGABYTES << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    return image


@contextmanager
def _mounted(image: str, place: str) -> Iterator[None]:
    options = "loop,data=writeback,commit=600"
    subprocess.run(
        ["mount", "-t", "ext4", "-o", options, image, place], check=True, capture_output=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)
