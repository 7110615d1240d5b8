"""The output of a run, held against its index: that may lag behind the bytes, and never leads."""

import os
from collections.abc import Iterator

from gage.dirs import Dirs, joined
from gage.fact_claims import READER, fact, lost, mend
from gage.finding import Finding
from gage.life import Life
from gage.meta_files import MetaDir, is_output, text_of
from gage.output import RUN
from gage.output_index import IndexReader
from gage.reading import READ, open_beneath
from gage.run import Run


def check_outputs(run: Run, meta: MetaDir, life: Life) -> Iterator[Finding]:
    """What is wrong with the outputs of *run* and of its earlier attempts."""
    with Dirs(run.meta_dir) as dirs:
        for path, file in meta.files.items():
            if not is_output(path) or file.trouble or not _is_settled(path, life):
                continue
            output = path.removesuffix(".index")
            other = output if output != path else path + ".index"
            if other not in meta.files:
                yield fact(run, "error", "missing", other, "is missing", lost(run))
            elif path == output and not meta.files[other].trouble:
                try:
                    yield from _compared(run, dirs, path, meta, life)
                except OSError as error:
                    name = joined(path.rpartition("/")[0], os.fsdecode(error.filename or ""))
                    trouble = f"cannot be read: {error.strerror}"
                    yield fact(run, "error", "unreadable", name, trouble, READER)


def _is_settled(path: str, life: Life) -> bool:
    """Whether output and index must both be there: one is made, or removed, before the other."""
    if path.startswith("attempts/") or life.phase == "finished":
        return True
    if path.startswith("output/40"):
        return life.phase == "started"
    return life.phase in ("staged", "started") and not path.startswith("output/50")


def _may_lag(meta: MetaDir, path: str) -> bool:
    """Whether who wrote the output may have been killed at it."""
    folder = path.partition("output/")[0]
    return text_of(meta.files, folder + "proc/exit").startswith("-")


def _compared(run: Run, dirs: Dirs, path: str, meta: MetaDir, life: Life) -> Iterator[Finding]:
    index = path + ".index"
    length = last = earlier = 0
    # The index first: of an output that grows meanwhile there are more bytes, never less.
    fd = open_beneath(dirs, index, READ)
    try:
        reader = IndexReader(fd)
        for record in reader.records():
            if record.time < last and not earlier:
                earlier = reader.count  # the first tells enough: there may be millions
            last = max(last, record.time)
            length += record.length if record.stream != "x" else 0
    finally:
        os.close(fd)
    if earlier:
        trouble = f"line {earlier} is earlier than the one before"
        yield fact(run, "error", "mismatch", index, trouble, lost(run))
    if reader.is_damaged:
        trouble = f"line {reader.count + 1} is no record of output"
        yield fact(run, "error", "damaged", index, trouble, lost(run))
        return
    if reader.half:
        yield fact(run, "warning", "cut", index, "ends in half a line", mend(run))
    size = _size(dirs, path)
    if path == f"output/{RUN}" and life.phase == "started":
        return  # a disk that lost power may have lost either: finalize cuts the index, and tells
    if size < length:
        trouble = f"has {size} bytes, and its index tells of {length}"
        yield fact(run, "error", "mismatch", path, trouble, lost(run))
    elif size > length and not _may_lag(meta, path):
        trouble = f"nobody knows when its last {size - length} bytes came"
        yield fact(run, "error", "mismatch", path, trouble, lost(run))


def _size(dirs: Dirs, path: str) -> int:
    fd = open_beneath(dirs, path, READ)
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
