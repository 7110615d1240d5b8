"""Small disks of a test's own, to be full, out of inodes, read-only or gone."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def small_disk(place: str, *, size: str = "1m", inodes: int = 0) -> Iterator[str]:
    """A file system of *size* at *place*, with so many *inodes*; the test is skipped where
    none can be mounted.
    """
    os.makedirs(place, exist_ok=True)
    options = f"size={size},mode=755" + (f",nr_inodes={inodes}" if inodes else "")
    mount("-t", "tmpfs", "-o", options, "tmpfs", place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], capture_output=True)


@contextmanager
def read_only(place: str) -> Iterator[None]:
    """Let nobody, root neither, write below *place* for a ``with`` block."""
    mount("--bind", place, place)
    try:
        mount("-o", "remount,ro,bind", place)
        yield
    finally:
        subprocess.run(["umount", "-l", place], capture_output=True)


def mount(*words: str) -> None:
    """Run mount(8); the test is skipped where it may not be."""
    if os.geteuid() != 0 or subprocess.run(["mount", *words], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")


def fill(directory: str, *, leaving: int = 0) -> str:
    """Fill the disk of *directory*, but for so many blocks; the file that did it."""
    path = os.path.join(directory, "fill")
    with open(path, "wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size >>= 1
    os.truncate(path, max(0, os.path.getsize(path) - leaving * 4096))
    return path


def use_inodes(directory: str, *, leaving: int = 0) -> list[str]:
    """Use the inodes of the disk of *directory*, but for so many; the files that did it."""
    made: list[str] = []
    os.makedirs(os.path.join(directory, "used"), exist_ok=True)
    try:
        while True:
            path = os.path.join(directory, "used", str(len(made)))
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            made.append(path)
    except OSError:
        pass
    for path in made[:leaving]:
        os.unlink(path)
    return made[leaving:]
