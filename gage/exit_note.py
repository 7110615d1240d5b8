"""The note of the command's end, ``.locks/NAME/exit.note``: ``CODE BOOT_ID``.

It counts until finalize has made it a fact, and in the boot that wrote it. Its room on the
disk is taken before the command starts, since by its end the disk may be full.
"""

import os

from gage.durable import put, sync_dir
from gage.run import Run, expect_own_locks, lock_path, make_lock_dir, remove_beside_locks, tmp_dir
from gage.status import boot_id

_ROOM = 64


def reserve_note(run: Run) -> None:
    """Take the room for the note; that of an earlier attempt is gone afterwards."""
    remove_beside_locks(run, "exit.note", run.sync)
    put(tmp_dir(run), _reserved(run), b" " * _ROOM, mode=0o600, sync="none")


def note_end(run: Run, code: int) -> None:
    """Note that the command of *run* ended with *code*, -N for signal N.

    Raises OSError, StateError where a link leads to the locks.
    """
    if os.path.isdir(run.meta_dir):
        make_lock_dir(run)  # the command may have removed it
    else:
        expect_own_locks(run)
    # Read first: where descriptors are scarce there may be one, and not two.
    note = f"{code} {boot_id()}\n".ljust(_ROOM).encode()
    fd = os.open(_reserved(run), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(fd, note, 0)
        if run.sync != "none":
            os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(_reserved(run), lock_path(run, "exit.note"))
    sync_dir(os.path.dirname(_reserved(run)), run.sync)


def _reserved(run: Run) -> str:
    return lock_path(run, "exit.note.reserved")
