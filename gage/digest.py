"""Digests: what the content of a file is called, and two files that differ are not.

A bare digest is SHA-256, which sha256sum(1) checks; any other names its algorithm:
``blake3:89ba…``. A symbolic link has the digest of the path it holds: ``link:`` and a
SHA-256. All are 64 lower-case hex digits.

A sparse file may be a thousand times larger than what is stored of it, and to read all its
zeros would take hours. Its digest is ``sparse-ALGORITHM:``, and that of

* the size of the file, as 8 bytes,
* for each block of 4096 bytes that is not all zero, in order, its offset, as 8 bytes, and
  the block, of which the last may be shorter;

numbers are big-endian. It is the same however the zeros are stored: a hole that was filled
makes no difference.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Protocol

from gage.errors import ConfigError
from gage.extents import extents, is_sparse

ALGORITHMS = ("sha256", "blake3")

SPARSE = "sparse-"
"""What the name of an algorithm begins with where blocks of zeros are left out."""

CHUNK = 256 * 1024
"""Bytes to read at a time: below, BLAKE3 starves; above, the chunk falls out of the cache."""

_SMALL = 64 * 1024
_BLOCK = 4096
_ZEROS = bytes(_BLOCK)


class Hash(Protocol):
    """A digest under way."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Add *data*."""

    def hexdigest(self) -> str:
        """The digest of all that was added, as hex digits."""


def check_algorithm(algorithm: str) -> None:
    """Raises ConfigError for an algorithm that gage does not know."""
    if algorithm not in ALGORITHMS:
        raise ConfigError(
            f"digest {algorithm!r}: no such algorithm", f"one of {', '.join(ALGORITHMS)}"
        )


def new_hash(algorithm: str) -> Hash:
    """A digest of nothing yet. Raises ConfigError for an algorithm that gage does not know."""
    return _constructor(algorithm)()


def format_digest(algorithm: str, hash: Hash) -> str:
    """The digest as a manifest holds it: bare for SHA-256, else after its name."""
    return hash.hexdigest() if algorithm == "sha256" else f"{algorithm}:{hash.hexdigest()}"


def algorithm_of(digest: str) -> str:
    """The name of the algorithm that *digest* was made by; ``link`` for a symbolic link's."""
    return digest.partition(":")[0] if ":" in digest else "sha256"


def algorithm_for(fd: int, status: os.stat_result, algorithm: str) -> str:
    """*algorithm*, or its sparse kind where the file at *fd* is mostly holes."""
    return SPARSE + algorithm if is_sparse(fd, status) else algorithm


def digest_fd(fd: int, algorithm: str, tell: Callable[[int], object] | None = None) -> str:
    """The digest of the whole file at *fd*, wherever its offset is.

    *tell* is told how many bytes were read, each time that some were. Raises OSError.
    """
    if algorithm.startswith(SPARSE):
        return _digest_sparse(fd, algorithm, tell)
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
    # Who appends without end must not keep us here; of some files the system knows no size.
    size = os.fstat(fd).st_size or sys.maxsize
    while offset <= size and (count := os.preadv(fd, [buffer], offset)):
        hash.update(view[:count])
        offset += count
        if tell:
            tell(count)
    return format_digest(algorithm, hash)


def _digest_sparse(fd: int, algorithm: str, tell: Callable[[int], object] | None) -> str:
    status = os.fstat(fd)
    hash = new_hash(algorithm.removeprefix(SPARSE))
    hash.update(status.st_size.to_bytes(8))
    offset = 0
    for start, stop in extents(fd, status):
        begin = max(offset, start - start % _BLOCK)
        if tell and begin > offset:
            tell(begin - offset)
        offset = begin
        while offset < stop and (data := _read_blocks(fd, offset, stop)):
            hash.update(b"".join(_not_zero(data, offset)))
            offset += len(data)
            if tell:
                tell(len(data))
    if tell and offset < status.st_size:
        tell(status.st_size - offset)
    return format_digest(algorithm, hash)


def _not_zero(data: bytes, offset: int) -> Iterator[bytes]:
    """The blocks of *data* that are not all zero, before each its offset in the file."""
    for at in range(0, len(data), _BLOCK):
        block = data[at : at + _BLOCK]
        if block != _ZEROS[: len(block)]:
            yield (offset + at).to_bytes(8)
            yield block


def _read_blocks(fd: int, offset: int, stop: int) -> bytes:
    """Some whole blocks from *offset* on, up to *stop* or more; less only at the end."""
    wanted = min(CHUNK, stop - offset + -stop % _BLOCK)
    data = os.pread(fd, wanted, offset)
    while 0 < len(data) < wanted and (more := os.pread(fd, wanted - len(data), offset + len(data))):
        data += more
    return data


def link_digest(target: str) -> str:
    """The digest of a symbolic link that holds the path *target*."""
    hash = new_hash("sha256")
    hash.update(os.fsencode(target))
    return f"link:{hash.hexdigest()}"


@cache
def _constructor(algorithm: str) -> Callable[[], Hash]:
    check_algorithm(algorithm)
    if algorithm == "blake3":
        from blake3 import blake3

        return blake3
    from hashlib import sha256

    return sha256
