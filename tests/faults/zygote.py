"""A process with the library preloaded and all of gage imported, of which each trial is a fork.

So a trial costs no start of Python. Requests are JSON, a line each, on standard input:
``argv``, ``cwd``, ``env``, ``out``, ``err``, ``timeout`` and ``patience`` in seconds, ``alone``
(leave other processes be) and ``stops`` (answer when the trial is stopped); the answer
is a line with ``code`` (-N for signal N; None where the trial was stopped, to be waited for
again by a request with ``wait``), ``left`` (commands that outlived it) and ``hung``. A request
with ``end`` ends what trials that were alone have left, one with ``await`` waits for a command.

It is run by its path, so that gage comes from where PYTHONPATH says.
"""

import contextlib
import ctypes
import json
import os
import pkgutil
import signal
import sys
import time
from importlib import import_module
from typing import Any

import gage.plumbing
import gage.porcelain

_PR_SET_CHILD_SUBREAPER = 36
_LOOK = 0.001
_PATIENCE = 2.0


def main() -> None:
    """Serve until standard input ends."""
    for package in (gage, gage.plumbing, gage.porcelain):
        for module in pkgutil.iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")
    for name in ("argparse", "blake3", "pathspec", "traceback", "yaml"):
        import_module(name)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    answers = os.fdopen(os.dup(1), "w")
    stopped: dict[int, dict[str, Any]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("end"):
            answer = {"left": _settled(0)}
        elif command := request.get("await"):
            answer = {"left": _still_there(command)}
        elif pid := request.get("wait"):
            os.kill(request["stopped"], signal.SIGCONT)
            answer = _awaited(pid, stopped.pop(pid) | {"stops": False})
        else:
            pid = _forked(request)
            answer = _awaited(pid, request) | {"pid": pid}
            if answer["code"] is None:
                stopped[pid] = request
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _forked(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        os.setsid()
        os.chdir(request["cwd"])
        os.environ.update(request["env"])
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for fd, path in enumerate((os.devnull, request["out"], request["err"])):
            os.dup2(os.open(path, flags if fd else os.O_RDONLY, 0o600), fd)
        program, *words = request["argv"]
        place = "gage.porcelain.main"
        if program != "gage":
            place = "gage.plumbing." + program.removeprefix("gage-").replace("-", "_")
        try:
            code = import_module(place).main(words)
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else 1
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
    finally:
        os._exit(code)


def _awaited(pid: int, request: dict[str, Any]) -> dict[str, Any]:
    """How the trial *pid* ended, when nothing of it lives any more."""
    give_up = time.monotonic() + request["timeout"]
    hung = False
    while True:
        done, status = os.waitpid(pid, os.WNOHANG | (os.WUNTRACED if request["stops"] else 0))
        if done and os.WIFSTOPPED(status):
            return {"code": None, "left": [], "hung": False, "stopped": pid}
        if done:
            break
        if request["stops"] and (stopped := _stopped_below(pid)):
            return {"code": None, "left": [], "hung": False, "stopped": stopped}
        if time.monotonic() > give_up:
            hung = True
            os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK)
    left = [] if request["alone"] else _settled(0 if hung else request["patience"])
    return {"code": os.waitstatus_to_exitcode(status), "left": left, "hung": hung}


def _settled(patience: float) -> list[str]:
    """Wait for what the trial left; what lives longer than *patience* is killed, and named."""
    give_up = time.monotonic() + patience
    left: list[str] = []
    while pids := _children("self"):
        for pid in pids:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    continue
            if time.monotonic() > give_up:
                left.append(_command(pid))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK)
    return left


def _still_there(command: str) -> list[str]:
    """What of the trial is *command*, unless it ends in a while."""
    give_up = time.monotonic() + _PATIENCE
    while True:
        left = [pid for pid in _children("self") if _command(pid) == command]
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if not left or time.monotonic() > give_up:
            return [command for _ in left]
        time.sleep(_LOOK)


def _stopped_below(pid: int) -> int:
    for child in _children(str(pid)):
        try:
            with open(f"/proc/{child}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[0] == b"T":
                    return child
        except OSError:
            continue
        if found := _stopped_below(str(child)):
            return found
    return 0


def _children(pid: str) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{os.getpid() if pid == 'self' else pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read().replace(b"\0", b" ").strip())
    except OSError:
        return str(pid)


if __name__ == "__main__":
    main()
