"""Permissions as an ordinary user meets them: root writes to and reads whatever it likes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import walk_packages

import gage

NOBODY = 65534

_LATE = (
    "ast concurrent.futures.thread ctypes datetime difflib encodings.utf_8_sig graphlib grp "
    "hashlib json pathspec pwd resource shlex shutil subprocess tomllib traceback yaml"
).split()
"""What gage imports from elsewhere, where it is used."""


@contextmanager
def ordinary_place() -> Iterator[str]:
    """A directory of an ordinary user, who we are as long as the ``with`` block lasts."""
    place = tempfile.mkdtemp(dir="/tmp")
    root = os.geteuid() == 0
    if root:
        _import_all()
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


def _import_all() -> None:
    """Import what gage imports where it is used: Python may be where only root can read."""
    for module in walk_packages(gage.__path__, "gage."):
        if not module.name.startswith("gage.porcelain"):
            import_module(module.name)
    for name in _LATE:
        import_module(name)
