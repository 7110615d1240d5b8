"""Facts as they are written: small files, whole or not at all, read-only from the first.

The fact that ends a phase is written last and vouches for all before it. Only the logs are
appended to, and sealed when the run is finalized.
"""

import os
from typing import Any

from gage import clock
from gage.durable import put, unlink
from gage.run import Run, run_meta_path, tmp_dir


def put_fact(run: Run, *parts: str, text: str, end: str = "\n") -> None:
    """Write the fact at *parts*: ``put_fact(run, "proc", "exit", text="0")``."""
    path = run_meta_path(run, *parts)
    if len(parts) > 1:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    put(tmp_dir(run), path, (text + end).encode("utf-8", "surrogateescape"), sync=run.sync)


def put_json(run: Run, *parts: str, value: Any) -> None:
    """Write a fact that holds JSON."""
    put_fact(run, *parts, text=format_json(value))


def remove_fact(run: Run, *parts: str) -> None:
    """Remove a fact, durably; that it is gone already is no error."""
    unlink(run_meta_path(run, *parts), run.sync)


def format_json(value: Any) -> str:
    """JSON as the facts hold it: indented, in the order given, any text as itself."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)


def log_action(run: Run, message: str, now: clock.Clock = clock.now) -> None:
    """Append a line to ``log/runner``: what was done, or what happened to the run."""
    line = f"{clock.iso(now())} {message}".replace("\n", "\\n") + "\n"
    append(run, "log", "runner", data=line.encode("utf-8", "surrogateescape"))


def append(run: Run, *parts: str, data: bytes) -> None:
    """Append *data* in one write to a log of the run."""
    path = run_meta_path(run, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def unseal_logs(run: Run) -> None:
    """Let the logs of *run* be appended to again. Raises OSError."""
    with os.scandir(run_meta_path(run, "log")) as logs:
        for log in logs:
            if log.is_file(follow_symlinks=False):
                os.chmod(log.path, log.stat().st_mode | 0o200)
