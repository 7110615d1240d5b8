"""A bench: one place on a fast file system, where a verb of gage is struck by a fault.

``BENCH/root`` is the place that is looked after: the project, and runs. Beside it lie what a
power cut would leave, the evidence that a command was really run, and what programs print.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

from gage.status import boot_id
from tests.faults.shim import Control, Fault, Hit, birth, compiled, preloaded
from tests.place import ROOT, environment

_TIMEOUT = 30.0
_PATIENCE = 10.0


class Answer(NamedTuple):
    """How a verb ended: *code* is None while it is stopped, *left* are commands that outlived
    it and had to be killed.
    """

    code: int | None
    out: str
    err: str
    left: list[str]
    hung: bool
    pid: int
    stopped: int = 0


class Bench:
    """A place and a process that forks trials; *gage* is the tree that they run."""

    def __init__(self, *, gage: str = ROOT, place: str = "") -> None:
        """The place is made in memory where there is a file system for that."""
        shared = "/dev/shm"
        where = place or (shared if os.access(shared, os.W_OK) else None)
        self.place = os.path.realpath(tempfile.mkdtemp(prefix="gage-faults-", dir=where))
        self.root = os.path.join(self.place, "root")
        self.mirror = os.path.join(self.place, "mirror")
        self.evidence = os.path.join(self.place, "evidence")
        self._boot = os.path.join(self.place, "boot")
        self._tree = gage
        self._library = compiled(self.place)
        self.control = Control(os.path.join(self.place, "control"))
        self._first_boot = boot_id()
        os.mkdir(self.root)
        self._boot_as(self._first_boot)
        self._zygote = self._started()
        self.control.exempt = self._zygote.pid

    def __enter__(self) -> "Bench":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._zygote.stdin
        self._zygote.communicate()
        shutil.rmtree(self.place)

    def path(self, *parts: str) -> str:
        """A path below the root."""
        return os.path.join(self.root, *parts)

    def run(
        self,
        argv: Sequence[str],
        fault: Fault | None = None,
        *,
        stops: bool = False,
        alone: bool = False,
        patience: float = _PATIENCE,
        count: bool = True,
    ) -> Answer:
        """Run a program of gage to its end, or to where it is stopped."""
        name = "second" if alone else "first"
        request = {
            "argv": list(argv),
            "cwd": self.root,
            "env": {},
            "out": os.path.join(self.place, f"{name}.out"),
            "err": os.path.join(self.place, f"{name}.err"),
            "timeout": _TIMEOUT,
            "patience": patience,
            "alone": alone,
            "stops": stops,
        }
        if count:
            self.control.arm(fault)
        answer = self._asked(request)
        if answer.code is not None:
            self.control.disarm()
        return answer

    def end_all(self) -> None:
        """End what a trial that was alone has left."""
        self._asked({"end": True})

    def ends(self, command: str) -> bool:
        """Whether *command*, of a trial that was alone, ends in a while."""
        left = self._asked({"await": command})
        return not left.left

    def kill(self, answer: Answer) -> None:
        """Kill what was stopped."""
        assert answer.stopped, answer
        os.kill(answer.stopped, signal.SIGKILL)
        self.go_on(answer)

    def go_on(self, answer: Answer) -> Answer:
        """Let what was stopped go on to its end."""
        return self._asked({"wait": answer.pid, "stopped": answer.stopped})

    def hit(self) -> Hit:
        """What the fault has struck."""
        return self.control.hit()

    def reset(self, template: str, *, keep_root: bool = False) -> None:
        """Let the place be as *template*, a copy that ``keep`` made; with *keep_root* in the
        directory that is there, and empty.
        """
        if not keep_root:
            shutil.rmtree(self.root)
            os.mkdir(self.root)
        shutil.rmtree(self.mirror, ignore_errors=True)
        subprocess.run(["cp", "-a", f"{template}/.", self.root], check=True)
        kept = template + ".evidence"
        shutil.copyfile(kept, self.evidence)
        self._boot_as(self._first_boot)

    def keep(self) -> str:
        """A copy of the place as it is now."""
        template = tempfile.mkdtemp(prefix="template-", dir=self.place)
        os.rmdir(template)
        subprocess.run(["cp", "-a", self.root, template], check=True)
        shutil.copyfile(self.evidence, template + ".evidence")
        return template

    def empty(self) -> None:
        """Let nothing be in the place."""
        shutil.rmtree(self.root)
        os.mkdir(self.root)
        with open(self.evidence, "wb"):
            pass

    def key(self, path: str) -> str:
        """What the library calls an inode: ``TYPE-NUMBER-SECONDS-NANOSECONDS``."""
        type = "l" if os.path.islink(path) else "d" if os.path.isdir(path) else "f"
        return f"{type}-{birth(self._library, path)}"

    def reboot(self) -> None:
        """Let the machine have a boot ID that it had never before."""
        self._boot_as(self._first_boot[:-12] + os.urandom(6).hex())

    def _boot_as(self, id: str) -> None:
        with open(self._boot, "w", encoding="utf-8") as file:
            file.write(id + "\n")

    def _started(self) -> "subprocess.Popen[str]":
        env = environment(self.place)
        env |= preloaded(self._library, self.control.path, self.root)
        env |= {
            "FAULTS_MIRROR": self.mirror,
            "FAULTS_BOOT": self._boot,
            "EVIDENCE": self.evidence,
            "PYTHONPATH": self._tree,
        }
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zygote.py")
        return subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )

    def _asked(self, request: dict[str, object]) -> Answer:
        assert self._zygote.stdin and self._zygote.stdout
        self._zygote.stdin.write(json.dumps(request) + "\n")
        self._zygote.stdin.flush()
        line = self._zygote.stdout.readline()
        assert line, "the lab's own process is gone"
        answer = json.loads(line)
        name = "second" if request.get("alone") else "first"
        out, err = (_text(os.path.join(self.place, f"{name}.{end}")) for end in ("out", "err"))
        return Answer(
            answer.get("code"),
            out,
            err,
            answer.get("left", []),
            answer.get("hung", False),
            answer.get("pid", 0),
            answer.get("stopped", 0),
        )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
