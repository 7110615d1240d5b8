"""A project whose operations are lines of shell, and what became of their runs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from gage.listing import read_rows
from gage.porcelain.commands import commands, load
from gage.run import Run, open_run
from gage.status import run_status
from tests.porcelain.place import gage
from tests.programs import QUICK, Told, read, wait_until, write


def define(directory: object, **operations: str | list[str]) -> None:
    """A gage file in *directory*: each operation is a script for sh(1), or a list of steps."""
    lines = []
    for name, what in operations.items():
        text = what if isinstance(what, str) else ""
        definition = [f"exec: {json.dumps(text)}" if text else f"steps: [{', '.join(what)}]"]
        lines.append(f"{name}: {{{', '.join([*definition, 'sourcecode: no'])}}}\n")
    write(os.path.join(str(directory), "gage.yaml"), "".join(lines))


def runs(directory: object) -> list[Run]:
    """The runs of the project in *directory*, the newest start first."""
    rows = read_rows(os.path.join(str(directory), ".gage", "runs"))
    return [open_run(row.run_dir, sync="none") for row in rows]


def statuses(directory: object) -> list[str]:
    """Status and operation of each run of the project, in the order of the alphabet."""
    return sorted(f"{run_status(run)} {run.opref}" for run in runs(directory))


# What is imported here needs no fork of us import again.
for verb in commands():
    load(verb)


def quick(*words: str, cwd: object = "/", input: str = "") -> Told:
    """The program gage as a fork of this process: most of a test would be its start."""
    return Told(*gage(*words, cwd=str(cwd), input=input, env=QUICK))


def staged(directory: object, script: str, name: str = "one") -> Run:
    """A staged run in *directory*, made by plumbing."""
    init = ["init", name, "--opdef", "/dev/stdin", "--", "sh", "-c", script]
    told = quick(*init, cwd=directory, input='{"sourcecode": false}')
    assert told.code == 0, told.err
    assert quick("stage", name, cwd=directory).code == 0
    return open_run(os.path.join(str(directory), name), sync="none")


def mostly_long(values: Iterable[object], but_for: Sequence[object]) -> list[Any]:
    """Parameters that are for long tests, *but_for* those."""
    return [pytest.param(v, marks=[pytest.mark.long] * (v not in but_for)) for v in values]


class UnderWay(NamedTuple):
    """A program under way whose command has written the file ``ready`` in its run dir."""

    process: "subprocess.Popen[bytes]"
    run: Run
    ready: str


def under_way(directory: object, *words: str, operation: str = "op") -> UnderWay:
    """Start *words* in *directory*, and wait until a run of *operation* has written ``ready``."""
    process = subprocess.Popen(
        words,
        cwd=str(directory),
        env={**os.environ, **QUICK},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    run, ready = when_ready(directory, operation)
    return UnderWay(process, run, ready)


def when_ready(directory: object, operation: str = "op") -> tuple[Run, str]:
    """The newest run of *operation* when it has written a line to ``ready``, and that line."""
    found: list[Run] = []

    def is_ready() -> bool:
        found[:] = [run for run in runs(directory) if str(run.opref) == operation][:1]
        path = f"{found[0]}/ready" if found else ""
        return bool(path) and os.path.exists(path) and read(path).endswith("\n")

    wait_until(is_ready)
    return found[0], read(f"{found[0]}/ready").strip()


def ended(process: "subprocess.Popen[bytes]") -> Told:
    """What *process* printed, and how it ended; it has a minute."""
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Told(os.fsdecode(out), os.fsdecode(err), process.returncode)


def state_of(pid: int | str) -> str:
    """The state of a process as ps(1) tells it; empty where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return ""


def is_suspended(pid: int | str) -> bool:
    """Whether a process is stopped, or waits for a child to execute that is.

    A shell that was stopped between vfork(2) and execve(2) is in an uninterruptible wait (D).
    """
    if state_of(pid) != "D":
        return state_of(pid) == "T"
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return "T" in [state_of(child) for child in file.read().split()]
    except OSError:
        return False


def until_gone(*pids: int | str) -> None:
    """Wait until these processes are gone, or zombies."""
    for pid in pids:
        wait_until(lambda pid=pid: state_of(pid) in ("", "Z", "X"))


_EACH = """
import json, os, sys, traceback
from tempfile import TemporaryFile

from gage.cli import speak_utf8
from gage.porcelain.commands import load, commands
from gage.porcelain.main import main

speak_utf8()
for name in commands():
    load(name)

def told(words):
    with TemporaryFile() as out, TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.dup2({stdout}, 1)
                os.dup2(err.fileno(), 2)
                code = main(words)
            except SystemExit as exit:
                code = exit.code or 0
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().hex())
    return [*texts, os.waitstatus_to_exitcode(status)]

read, gone = os.pipe()
os.close(read)
full = os.open("/dev/full", os.O_WRONLY)
asked = json.load(sys.stdin)
print(json.dumps([told([os.fsdecode(bytes.fromhex(w)) for w in words]) for words in asked]))
"""


def each(
    commands: Sequence[Sequence[str]],
    cwd: object,
    *,
    env: Mapping[str, str] | None = None,
    stdout: str = "out.fileno()",
) -> list[Told]:
    """What each of the *commands* of the program gage does, one after the other.

    They are forks of one interpreter, which starts in *env*: a start for each would take most
    of the time. *stdout* is an expression: ``full`` for a device that takes nothing.
    """
    asked = [[os.fsencode(word).hex() for word in words] for words in commands]
    done = subprocess.run(
        [sys.executable, "-c", _EACH.format(stdout=stdout)],
        cwd=str(cwd),
        env={**os.environ, **QUICK, **(env or {})},
        input=json.dumps(asked).encode(),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    texts = json.loads(done.stdout)
    return [
        Told(*(os.fsdecode(bytes.fromhex(text)) for text in (out, err)), code)
        for out, err, code in texts
    ]
