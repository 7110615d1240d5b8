"""Facts as they are written: small files, whole or not at all, read-only from the first.

The fact that ends a phase is written last and vouches for all before it. Only the logs are
appended to, and sealed when the run is finalized.
"""

import os
from collections.abc import Sequence
from typing import Any

from gage import clock
from gage.durable import put, sync_dir, sync_file, unlink, write_all
from gage.run import Run, expect_no_link, run_meta_path, tmp_dir

FOLDERS = ("proc", "output", "log", "sys", "attempts")
"""The directories in a meta dir."""


def put_fact(run: Run, *parts: str, text: str, end: str = "\n") -> None:
    """Write the fact at *parts*: ``put_fact(run, "proc", "exit", text="0")``."""
    make_folders(run, parts)
    put(tmp_dir(run), run_meta_path(run, *parts), _encoded(text + end), sync=run.sync)


def put_json(run: Run, *parts: str, value: Any) -> None:
    """Write a fact that holds JSON."""
    put_fact(run, *parts, text=format_json(value))


def remove_fact(run: Run, *parts: str) -> None:
    """Remove a fact, durably; that it is gone already is no error."""
    for depth in range(len(parts)):
        expect_no_link(run_meta_path(run, *parts[:depth]))
    unlink(run_meta_path(run, *parts), run.sync)


def format_json(value: Any) -> str:
    """JSON as the facts hold it: indented, in the order given, any text as itself."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return json.dumps(value, indent=2)  # half a character, that only JSON can spell
    return text


def log_action(run: Run, message: str, now: clock.Clock = clock.now) -> None:
    """Append a line to ``log/runner``: what was done, or what happened to the run."""
    append(run, "log", "runner", data=_encoded(log_line(message, now()) + "\n"))


def log_line(message: str, time: int) -> str:
    """The line of ``log/runner``, without its newline, that says *message*."""
    return f"{clock.iso(time)} {message}".replace("\n", "\\n")


def append(run: Run, *parts: str, data: bytes) -> None:
    """Append *data*, whole lines, to a log of the run. Raises OSError."""
    make_folders(run, parts)
    fd = _opened(run_meta_path(run, *parts))
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            data = b"\n" + data  # the line before was cut by a crash
        write_all(fd, data)
    finally:
        os.close(fd)


def sync_logs(run: Run) -> None:
    """Make the logs of *run* durable, as a fact does that vouches for them. Raises OSError."""
    if run.sync == "none":
        return
    folder = run_meta_path(run, "log")
    with os.scandir(folder) as logs:
        for log in logs:
            if log.is_file(follow_symlinks=False):
                sync_file(log.path)
    sync_dir(folder, run.sync)


def unseal_logs(run: Run) -> None:
    """Let the logs of *run* be appended to again. Raises OSError."""
    expect_no_link(run_meta_path(run, "log"))
    with os.scandir(run_meta_path(run, "log")) as logs:
        for log in logs:
            if log.is_file(follow_symlinks=False):
                os.chmod(log.path, log.stat().st_mode | 0o200)


def make_folders(run: Run, parts: Sequence[str]) -> None:
    """Make the directories that the fact at *parts* is in, where they are missing.

    Raises StateError where one of them, or the meta dir, is a link.
    """
    # Never the meta dir itself: what is left of a run that was deleted is not a run.
    expect_no_link(run.meta_dir)
    for depth in range(1, len(parts)):
        folder = run_meta_path(run, *parts[:depth])
        try:
            os.mkdir(folder, 0o775)
        except FileExistsError:
            expect_no_link(folder)


def expect_own_folders(run: Run) -> None:
    """Raise StateError where one of the directories of facts of *run* is a link."""
    for parts in ((), *((name,) for name in FOLDERS)):
        expect_no_link(run_meta_path(run, *parts))


def _opened(path: str) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o664)
    except PermissionError:
        # A finalize that was stopped may have sealed it already; the next one has more to say.
        os.chmod(path, 0o644)
        return os.open(path, flags)


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")
