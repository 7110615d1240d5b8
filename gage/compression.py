"""Compressed streams: gzip, and zstd where it is installed, told by suffix and by first bytes.

What is read may come from anybody: a stream that grows beyond all measure is given up. So
none is written that would.
"""

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from gage.errors import ConfigError, StateError, UsageError

RATIO = 200
"""So many times a stream may grow when it is read, beyond the first ``FREE`` bytes."""

FREE = 100_000_000

_OTHERS = frozenset(
    ".zip .7z .rar .bz2 .tbz .tbz2 .xz .txz .lzma .lz .lz4 .zz .z .br .cpio .ar .jar .whl".split()
)
"""Suffixes of formats that are not ours: under such a name a tar would only be found out later."""

_ZSTD_PIECE = 1024

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@contextmanager
def compressing(to: IO[bytes], name: str, *, free: int = FREE) -> Iterator[IO[bytes]]:
    """A stream that is compressed as the suffix of *name* says, on its way to *to*.

    Raises UsageError where that needs what is not installed, or is another format. To write to
    it raises StateError where ``decompressing`` would give up what was written, with so many
    bytes *free*.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _OTHERS:
        raise UsageError(
            f"{name}: no archive is written as {suffix}",
            "a name ends in .tar, .tar.gz, .tgz, .tar.zst or .tzst",
        )
    packed = _Counted(to)
    if name.endswith((".gz", ".tgz")):
        import gzip

        with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as stream:
            yield cast(IO[bytes], _Measured(stream, packed, free, name))
    elif name.endswith((".zst", ".tzst")):
        with _zstd().open(packed, "wb") as stream:
            yield cast(IO[bytes], _Measured(stream, packed, free, name))
    else:
        yield to


@contextmanager
def decompressing(packed: IO[bytes], *, free: int = FREE) -> Iterator[IO[bytes]]:
    """What *packed*, which may be compressed, holds.

    To read from it raises ConfigError where it is damaged, or more than *free* bytes and
    beyond all measure; UsageError where it needs what is not installed.
    """
    counted = _Counted(packed)
    buffered = io.BufferedReader(counted)
    first = buffered.peek(4)[:4]
    if first.startswith(_GZIP):
        import gzip

        stream: Any = gzip.GzipFile(fileobj=buffered, mode="rb")
    elif first == _ZSTD:
        zstd = _zstd()
        # The package zstandard reads over the end of a stream that is cut short.
        own = hasattr(zstd, "ZstdFile")
        stream = zstd.open(buffered, "rb") if own else _ZstdFrames(buffered, zstd)
    else:
        stream = buffered
    yield cast(IO[bytes], _Bounded(stream, counted, free))


def _zstd() -> Any:
    # Found by name: which of the two there is depends on the release of Python.
    from importlib import import_module

    for name in ("compression.zstd", "zstandard"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UsageError("zstd is not installed here", "pip install 'gage[zstd]', or use .tar.gz")


class _Counted(io.RawIOBase):
    """A stream that counts what is read from it, or written to it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.count = 0
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(data)
        self.count += len(data)
        return len(data)


class _ZstdFrames:
    """The frames of a zstd stream, one after the other, each of which must have its end."""

    def __init__(self, packed: IO[bytes], zstd: Any) -> None:
        self._packed = packed
        self._zstd = zstd
        self._frame: Any = None
        self._ready = io.BytesIO()
        self._left = b""

    def read(self, size: int) -> bytes:
        while not (data := self._ready.read(size)):
            # So little at a time, since each few bytes may be 128 KiB of zeros.
            packed = self._left or self._packed.read(_ZSTD_PIECE)
            self._left = b""
            if not packed:
                if self._frame is not None:
                    raise EOFError("Compressed file ended before the end of a frame")
                return b""
            self._frame = self._frame or self._zstd.ZstdDecompressor().decompressobj()
            self._ready = io.BytesIO(self._frame.decompress(packed))
            if self._frame.eof:
                self._left, self._frame = self._frame.unused_data, None
        return data


class _Bounded:
    """A stream that is given up where it grows beyond measure."""

    def __init__(self, stream: IO[bytes], packed: _Counted, free: int) -> None:
        self._stream = stream
        self._packed = packed
        self._free = free
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except (EOFError, zlib.error, OSError, ValueError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise ConfigError(f"damaged: {error}") from None
        except Exception as error:
            # Each library of zstd has an exception of its own.
            if type(error).__name__ != "ZstdError":
                raise
            raise ConfigError(f"damaged: {error}") from None
        self._count += len(data)
        if _is_beyond_measure(self._count, self._packed.count, self._free):
            grown = f"{self._count:,} bytes of {self._packed.count:,}"
            raise ConfigError(f"grows beyond measure: {grown}", "a .tar is taken of any size")
        return data


class _Measured:
    """A stream that is refused where it would grow beyond measure when it is read again."""

    def __init__(self, stream: Any, packed: _Counted, free: int, name: str) -> None:
        self._stream = stream
        self._packed = packed
        self._free = free
        self._name = name
        self._count = 0

    def write(self, data: bytes) -> int:
        # Before it is written: a reader has at least so many bytes when it has read *data*.
        self._count += len(data)
        if _is_beyond_measure(self._count, self._packed.count, self._free):
            trouble = "would grow beyond measure, and be refused where it is imported"
            raise StateError(f"{self._name}: {trouble}", "a .tar is taken of any size")
        self._stream.write(data)
        return len(data)


def _is_beyond_measure(count: int, packed: int, free: int) -> bool:
    return count > max(free, RATIO * packed)
