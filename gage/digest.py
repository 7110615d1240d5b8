"""Digests: what the content of a file is called, and two files that differ are not.

A bare digest is SHA-256, which sha256sum(1) checks; any other names its algorithm:
``blake3:89ba…``. A symbolic link has the digest of the path it holds: ``link:`` and a
SHA-256. All are 64 lower-case hex digits.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Protocol

from gage.errors import ConfigError

ALGORITHMS = ("sha256", "blake3")

CHUNK = 256 * 1024
"""Bytes to read at a time: below, BLAKE3 starves; above, the chunk falls out of the cache."""

_SMALL = 64 * 1024


class Hash(Protocol):
    """A digest under way."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Add *data*."""

    def hexdigest(self) -> str:
        """The digest of all that was added, as hex digits."""


def new_hash(algorithm: str) -> Hash:
    """A digest of nothing yet. Raises ConfigError for an algorithm that gage does not know."""
    return _constructor(algorithm)()


def format_digest(algorithm: str, hash: Hash) -> str:
    """The digest as a manifest holds it: bare for SHA-256, else after its name."""
    return hash.hexdigest() if algorithm == "sha256" else f"{algorithm}:{hash.hexdigest()}"


def algorithm_of(digest: str) -> str:
    """The name of the algorithm that *digest* was made by; ``link`` for a symbolic link's."""
    return digest.partition(":")[0] if ":" in digest else "sha256"


def digest_fd(fd: int, algorithm: str, tell: Callable[[int], object] | None = None) -> str:
    """The digest of the whole file at *fd*, wherever its offset is.

    *tell* is told how many bytes were read, each time that some were. Raises OSError.
    """
    hash = new_hash(algorithm)
    data = os.pread(fd, _SMALL, 0)
    hash.update(data)
    offset = len(data)
    if tell and data:
        tell(offset)
    # Most files end here; one buffer for the rest is cheaper than new bytes for each chunk.
    if not data or (offset < _SMALL and not os.pread(fd, 1, offset)):
        return format_digest(algorithm, hash)
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    while count := os.preadv(fd, [buffer], offset):
        hash.update(view[:count])
        offset += count
        if tell:
            tell(count)
    return format_digest(algorithm, hash)


def link_digest(target: str) -> str:
    """The digest of a symbolic link that holds the path *target*."""
    hash = new_hash("sha256")
    hash.update(os.fsencode(target))
    return f"link:{hash.hexdigest()}"


@cache
def _constructor(algorithm: str) -> Callable[[], Hash]:
    if algorithm == "sha256":
        from hashlib import sha256

        return sha256
    if algorithm == "blake3":
        from blake3 import blake3

        return blake3
    raise ConfigError(f"digest {algorithm!r}: no such algorithm", f"one of {', '.join(ALGORITHMS)}")
