"""A runs home whose runs are written as facts, and the program gage to look at them with."""

import json
import os
import pty
import select
import sys
import traceback
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import NamedTuple

from gage.locks import take
from gage.manifest import Entry, format_entry
from gage.opref import format_opref, parse_opname
from gage.porcelain.main import main
from gage.run import Run

SOURCE = "0" * 64
HOUR = 3_600_000_000
NOON = 1_763_726_400_000_000  # 2025-11-21 12:00:00 UTC, in microseconds


class Told(NamedTuple):
    """What a command printed, and how it ended."""

    out: str
    err: str
    code: int


def gage(*words, cwd, input="", env=None):
    """Run the program gage in the directory *cwd*, as in a pipe.

    It is a process of its own; being forked, it need not import everything once more.
    """
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(input.encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            for fd, file in enumerate((stdin, stdout, stderr)):
                os.dup2(file.fileno(), fd)
            _become_gage(words, cwd, env or {})
        _, status = os.waitpid(child, 0)
        told = []
        for file in (stdout, stderr):
            file.seek(0)
            told.append(file.read().decode("utf-8", "surrogateescape"))
    return Told(*told, os.waitstatus_to_exitcode(status))


def gage_on_terminal(*words, cwd, typed="", answers=None, columns=80, env=None):
    """Run the program gage on a terminal; what it shows, and its exit code.

    *answers* are typed when the terminal shows their questions.
    """
    answers = dict(answers or {})
    child, terminal = pty.fork()
    if child == 0:
        usual = {"TERM": "xterm", "COLUMNS": str(columns), "GAGE_PAGER": "cat"}
        _become_gage(words, cwd, usual | (env or {}))
    shown = b""
    try:
        os.write(terminal, typed.encode())
        while select.select([terminal], [], [], 30)[0]:
            data = os.read(terminal, 65536)
            if not data:
                break
            shown += data
            for question in [q for q in answers if shown.endswith(q.encode())]:
                os.write(terminal, answers.pop(question).encode())
    except OSError:
        pass  # Linux says so when nobody has the terminal open any more
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    text = shown.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return text, os.waitstatus_to_exitcode(status)


def _become_gage(words, cwd, env):
    code = 70
    try:
        os.chdir(cwd)
        os.environ.update(env)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        code = main(list(words))
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as exit:
        code = exit.code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def write_run(
    home,
    number,
    operation="train",
    *,
    exit=0,
    config=None,
    given=(),
    files=None,
    output=b"",
    metrics=None,
    facts=None,
):
    """Write a run that started at NOON and *number* hours, and return its ID.

    With ``exit=None`` it is staged, and no more. *files* are those that it generated.
    """
    id = f"{number:04x}" * 8
    run_dir = os.path.join(home, id)
    start = NOON + number * HOUR
    config = {"lr": 0.1} if config is None else config
    written = {
        "__schema__": "1",
        "id": id,
        "opref": format_opref(parse_opname(operation)),
        "opdef.json": json.dumps({"flags": {}}),
        "config.json": json.dumps(config),
        "proc/cmd.json": json.dumps(["python", "train.py"]),
        "proc/env.json": "{}",
        "initialized": str(start - 2_000_000),
        "staged": str(start - 1_000_000),
        "log/runner": f"2025-11-21T12:00:00.000000Z initialized {operation}",
    }
    if given:
        written["given.json"] = json.dumps(list(given))
    files = files or {}
    entries = [Entry("s", SOURCE, "train.py"), *(Entry("g", SOURCE, name) for name in files)]
    written["manifest"] = "\n".join(map(format_entry, entries))
    if exit is not None:
        written |= {"started": str(start), "stopped": str(start + 2_100_000)}
        written["proc/exit"] = str(exit)
    if metrics is not None:
        written["summary.json"] = json.dumps({"metrics": metrics, "attributes": {}})
    for name, text in (written | (facts or {})).items():
        put(os.path.join(run_dir + ".meta", name), text.encode("utf-8", "surrogateescape") + b"\n")
    if exit is not None:
        put(os.path.join(run_dir + ".meta", "output", "40_run"), output)
    put(os.path.join(run_dir, "train.py"), b"lr = 0.1\n")
    for name, data in files.items():
        put(os.path.join(run_dir, name), data)
    return id


@contextmanager
def at_work(home, id):
    """Hold the runner lock of the run *id*, as what works on it does."""
    fd = take(Run(os.path.join(home, id), id, None), "runner")
    try:
        yield
    finally:
        os.close(fd)


def put(path, data):
    """Write a file, and the directories to it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def write_steps(home):
    """The three runs of a pipeline whose second step failed: its ID and those of the steps."""
    parent = write_run(home, 1, "m1:steps-restart", exit=1, config={"fail": True}, given=["fail"])
    passed = write_run(home, 2, "m1:fail", config={"fail": False}, given=["fail"])
    failed = write_run(home, 3, "m1:fail", exit=1, config={"fail": True}, given=["fail"])
    os.remove(os.path.join(home, parent, "train.py"))
    os.symlink(f"../{passed}", os.path.join(home, parent, "fail"))
    os.symlink(f"../{failed}", os.path.join(home, parent, "fail_2"))
    return parent, passed, failed
