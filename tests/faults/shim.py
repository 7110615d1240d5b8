"""The preloaded library of the lab, compiled, and the block of memory that tells it what to do."""

import ctypes
import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.c")

# As in shim.c.
KINDS = {
    "open": 1,
    "create": 2,
    "write": 4,
    "sync": 8,
    "rename": 16,
    "mkdir": 32,
    "link": 64,
    "unlink": 128,
    "meta": 256,
    "process": 512,
    "reopen": 1024,
    "rewrite": 2048,
}
CHANGES = sum(KINDS.values()) - KINDS["open"]
NONE, KILL, DIE, STOP, FAIL, SHORT, SHUTDOWN = range(7)

_FIELDS = "13I"
_PATH_MAX = 4096
_SIZE = struct.calcsize(_FIELDS) + _PATH_MAX


class Fault(NamedTuple):
    """What happens at which call: *at* counts from 1 the calls whose kind is in *kinds*."""

    action: int
    at: int
    kinds: int = CHANGES
    error: int = 0
    sticky: bool = False


class Hit(NamedTuple):
    """What was struck: how many calls, and of the first the kind, its path, its process."""

    hits: int
    kind: str
    path: str
    pid: int


def can_compile() -> bool:
    """Whether there is a compiler for the library."""
    return shutil.which("cc") is not None


def compiled(place: str) -> str:
    """The path of the library, compiled in the directory *place*."""
    library = os.path.join(place, "shim.so")
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "-o", library, SOURCE, "-ldl"], check=True)
    return library


def birth(library: str, path: str) -> str:
    """The number and the time of birth of the inode at *path*, which os.stat does not tell."""
    answer = ctypes.create_string_buffer(80)
    ctypes.CDLL(library).birth_of(os.fsencode(path), answer)
    return answer.value.decode()


class Control:
    """The block that the lab shares with all processes of a trial.

    The process *exempt*, by its ID, is not struck and not counted.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "wb") as file:
            file.truncate(_SIZE)
        with open(path, "r+b") as file:
            self._block = mmap.mmap(file.fileno(), _SIZE)
        self.exempt = 0

    def arm(self, fault: Fault | None) -> None:
        """Begin to count, and let *fault* happen."""
        f = fault or Fault(NONE, 0)
        fields = (0, 0, f.at, f.action, f.error, f.sticky, f.kinds, 0, 0, 0, 0, self.exempt, 0)
        struct.pack_into(_FIELDS, self._block, 0, *fields)
        self._set(0, 1)

    def disarm(self) -> None:
        """Count no more."""
        self._set(0, 0)

    def count(self) -> int:
        """How many calls were counted."""
        return self._get(1)

    def hit(self) -> Hit:
        """What was struck by now."""
        path = self._block[struct.calcsize(_FIELDS) :].split(b"\0", 1)[0]
        kinds = {number: name for name, number in KINDS.items()}
        return Hit(self._get(8), kinds.get(self._get(10), ""), os.fsdecode(path), self._get(9))

    def _get(self, field: int) -> int:
        value: int = struct.unpack_from("I", self._block, 4 * field)[0]
        return value

    def _set(self, field: int, value: int) -> None:
        struct.pack_into("I", self._block, 4 * field, value)


def preloaded(library: str, control: str, root: str) -> Mapping[str, str]:
    """The environment in which programs count what they do below *root*."""
    return {"LD_PRELOAD": library, "FAULTS_CONTROL": control, "FAULTS_ROOT": root}
