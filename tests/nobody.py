"""Permissions as an ordinary user meets them: root writes to and reads whatever it likes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY = 65534


@contextmanager
def ordinary_place() -> Iterator[str]:
    """A directory of an ordinary user, who we are as long as the ``with`` block lasts."""
    place = tempfile.mkdtemp(dir="/tmp")
    root = os.geteuid() == 0
    if root:
        os.chown(place, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield place
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
        for folder, _, _ in os.walk(place):
            os.chmod(folder, 0o700)
        shutil.rmtree(place)
