"""Who works on a run: the runner, told apart from any other process that ever was.

``.locks/NAME/identity`` is one line, ``HOST BOOT_ID PID START``: START is the time when the
process started, in clock ticks since the boot (proc_pid_stat(5)). ``proc/lock`` cannot tell
it, since that names the command. Only the lock tells whether the runner still lives.
"""

import os
from typing import NamedTuple

from gage.durable import put
from gage.run import Run, lock_path, tmp_dir
from gage.status import boot_id


class Identity(NamedTuple):
    """A process of some boot of some machine."""

    host: str
    boot: str
    pid: int
    start: int


def our_identity() -> Identity:
    """The identity of this process."""
    with open("/proc/self/stat", "rb") as file:
        start = int(file.read().rpartition(b")")[2].split()[19])
    return Identity(os.uname().nodename, boot_id(), os.getpid(), start)


def write_identity(run: Run) -> None:
    """Record that this process is the runner of *run*; not synced, as it ends with the boot."""
    line = " ".join(map(str, our_identity())) + "\n"
    put(tmp_dir(run), lock_path(run, "identity"), line.encode(), mode=0o600, sync="none")


def read_identity(run: Run) -> Identity | None:
    """The last runner of *run*, dead or alive; None where nothing tells."""
    try:
        with open(lock_path(run, "identity"), encoding="utf-8") as file:
            host, boot, pid, start = file.read().split()
        return Identity(host, boot, int(pid), int(start))
    except (OSError, ValueError):
        return None
