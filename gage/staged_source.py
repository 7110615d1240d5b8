"""Source code as it was staged: what a run, or an earlier attempt of it, was executed with.

The files in the run dir are those of the present attempt, and of any that config did not
change since. Those of an earlier attempt are had from them by undoing what config changed
(gage.patch); the digest in the manifest of the attempt tells when the right one is found.
"""

import os

from gage.attempts import Attempt
from gage.digest import ALGORITHMS, algorithm_of, format_digest, new_hash
from gage.dirs import Dirs
from gage.manifest import Entry, parse_manifest
from gage.patch import parse_patches, undo
from gage.run import Run, read_fact

LARGEST = 1 << 18
"""So many bytes of a file are still source code that somebody wants to read."""


def staged_entries(run: Run, attempt: Attempt) -> list[Entry]:
    """The manifest of an attempt, empty before staging. Raises StateError."""
    return parse_manifest(read_fact(run, *attempt.folder, "manifest") or "")


def source_text(run: Run, entry: Entry) -> bytes | None:
    """What the file of *entry* held; None where that is not at hand, or too much to read."""
    data = _read(run.run_dir, entry.path)
    if data is None or _is_it(entry, data):
        return data
    patched = f"{read_fact(run, 'log', 'patched') or ''}\n".encode("utf-8", "surrogateescape")
    for patch in reversed(parse_patches(patched)):
        if patch.path == entry.path:
            data = undo(patch, data)
            if data is None or _is_it(entry, data):
                return data
    return None


def texts_before_config(run: Run, path: str) -> list[bytes]:
    """What the file held before values were written to it, the last time first, for every
    time; empty where that is not at hand.
    """
    data = _read(run.run_dir, path)
    texts: list[bytes] = []
    patched = f"{read_fact(run, 'log', 'patched') or ''}\n".encode("utf-8", "surrogateescape")
    for patch in reversed(parse_patches(patched)):
        if patch.path == path and data is not None:
            data = undo(patch, data)
            texts += [] if data is None else [data]
    return texts


def _is_it(entry: Entry, data: bytes) -> bool:
    algorithm = algorithm_of(entry.digest)
    if algorithm not in ALGORITHMS:
        return False  # a link, or larger than what is read here
    hash = new_hash(algorithm)
    hash.update(data)
    return format_digest(algorithm, hash) == entry.digest


def _read(run_dir: str, path: str) -> bytes | None:
    folder, name = os.path.split(path)
    try:
        with Dirs(run_dir) as dirs:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(name, flags, dir_fd=dirs.fd(folder))
        with open(fd, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return None
    return data if len(data) <= LARGEST else None
