"""The index: what is known of finished runs, kept in RUNS/.index so that a listing is quick.

It is a cache. Its reader checks every record against the files; where there is no index,
or a foreign or a damaged one, the files are read and it is made anew. It can be deleted at
any time.

The file is an SQLite database, followed by a checksum of it, because SQLite does not
notice a byte that changed in a value. It is replaced whole and never written in place:
whoever reads it needs no lock, and of two who write it at once the last one wins.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from gage.acting import is_our_home
from gage.durable import put
from gage.errors import StateError
from gage.run import make_closed, read_whole
from gage.trust import believed

NAME = ".index"
FORMAT = 1


def load(home: str, columns: Sequence[str], suffix: Sequence[str]) -> list[tuple[Any, ...]]:
    """The values of *columns* of every record of the index of *home*, each then *suffix*.

    Empty where there is no index to rely on.
    """
    try:
        # Whatever lies there must not make a listing wait.
        path = os.path.join(home, NAME)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not is_believed(os.fstat(fd)):
            os.close(fd)
            return []
        data = read_whole(fd)
    except OSError:
        return []
    image = memoryview(data)[:-4]
    if not image or data[-4:] != _checksum(image):
        return []
    import sqlite3

    try:
        database = sqlite3.connect(":memory:")
        try:
            database.deserialize(image)
            if database.execute("PRAGMA user_version").fetchone() != (FORMAT,):
                return []
            wanted = ", ".join([*columns, *"?" * len(suffix)])
            return database.execute(f"SELECT {wanted} FROM runs", suffix).fetchall()  # noqa: S608
        finally:
            database.close()
    except (sqlite3.Error, AttributeError):  # AttributeError: an SQLite without deserialize
        return []


def is_believed(status: os.stat_result) -> bool:
    """Whether an index of this *status* can only be ours: others could list what they like."""
    return not status.st_mode & 0o022 and status.st_uid in believed(os.environ)


def save(home: str, columns: Sequence[str], records: Iterable[Sequence[Any]]) -> None:
    """Replace the index of *home*, if that can be done: nothing depends on it."""
    if not is_our_home(home):
        return
    import sqlite3

    try:
        database = sqlite3.connect(":memory:")
        try:
            database.execute(f"PRAGMA user_version = {FORMAT}")
            database.execute(f"CREATE TABLE runs ({', '.join(columns)})")
            holes = ", ".join("?" * len(columns))
            database.executemany(f"INSERT INTO runs VALUES ({holes})", records)  # noqa: S608
            database.commit()
            image = database.serialize()
        finally:
            database.close()
        tmp = os.path.join(home, ".tmp")
        make_closed(tmp)
        put(tmp, os.path.join(home, NAME), image + _checksum(image), mode=0o600)
    except (OSError, StateError, sqlite3.Error, AttributeError):
        pass


def _checksum(image: bytes | memoryview) -> bytes:
    import zlib

    return zlib.crc32(image).to_bytes(4, "big")
