"""The programs of gage, run as processes of their own, and what they leave behind."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.nobody import NOBODY

QUICK = {"GAGE_FSYNC": "none"}


class Told(NamedTuple):
    """What a program printed, and how it ended."""

    out: str
    err: str
    code: int


def program(
    name: str,
    *words: str | bytes,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    input: str = "",
    umask: int = -1,
    nobody: bool = False,
) -> Told:
    """Run the program *name* to its end, with *nobody* as an ordinary user."""
    done = subprocess.run(
        [*_as(nobody), name, *words],
        cwd=cwd,
        env={**os.environ, **QUICK, **(env or {})},
        input=os.fsencode(input),
        capture_output=True,
        umask=umask,
        timeout=60,
    )
    return Told(os.fsdecode(done.stdout), os.fsdecode(done.stderr), done.returncode)


def begun(name: str, *words: str, cwd: str, nobody: bool = False) -> "subprocess.Popen[bytes]":
    """The program *name* under way in a process group of its own, saying nothing."""
    return subprocess.Popen(
        [*_as(nobody), name, *words],
        cwd=cwd,
        env={**os.environ, **QUICK},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def killed_at(count: int, calls: Sequence[str], argv: Sequence[str], cwd: str) -> bool:
    """Run *argv* and kill it before the call number *count* of those; whether it came so far."""
    done = subprocess.run(
        [
            *("strace", "-f", "-o", "/dev/null", "-e", "trace=" + ",".join(calls)),
            *("-e", f"inject={','.join(calls)}:signal=SIGKILL:when={count}"),
            *argv,
        ],
        cwd=cwd,
        env={**os.environ, "GAGE_FSYNC": "all"},
        capture_output=True,
        timeout=60,
    )
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


def can_be_killed() -> bool:
    """Whether ``killed_at`` works here."""
    try:
        return killed_at(1, ["getcwd"], ["pwd", "-P"], "/")
    except FileNotFoundError:
        return False


def tree(top: str, *, inside: bool = True) -> dict[str, tuple[str, str]]:
    """Everything below *top*: its path, its mode as ls(1) tells it, and what it holds."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            text = ""
            if stat.S_ISLNK(mode):
                text = os.readlink(path)
            elif stat.S_ISREG(mode) and inside:
                with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                    text = file.read()
            found[os.path.relpath(path, top)] = (stat.filemode(mode), text)
    return found


def write(path: str, text: str, mode: int = 0o644) -> str:
    """Write a file, and the directories to it; returns *path*."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def read(path: str) -> str:
    """The text of a file, byte for byte."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until *condition* holds; AssertionError where it never does."""
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be")


@contextmanager
def open_place() -> Iterator[str]:
    """A directory that belongs to an ordinary user, as ``program(nobody=True)`` is one."""
    place = tempfile.mkdtemp(dir="/tmp")
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
    try:
        yield place
    finally:
        for folder, _, _ in os.walk(place):
            os.chmod(folder, 0o700)
        shutil.rmtree(place)


def nobody_can_run() -> bool:
    """Whether an ordinary user may start the programs that are tested."""
    # Not by setpriv, which still may what root may when it starts its command.
    return program("sh", "-c", "gage-status --help", cwd="/", nobody=True).code == 0


def _as(nobody: bool) -> list[str]:
    if not nobody or os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def is_alive(pid: str) -> bool:
    """Whether the process *pid* is there, and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False
