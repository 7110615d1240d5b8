"""gage ls and gage cat: the files of a run."""

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

import typer

from gage.cli import print_records
from gage.dirs import Dirs, joined, walk
from gage.errors import NotFoundError, StateError, UsageError
from gage.filters import Filters
from gage.json_text import json_text
from gage.manifest import read_manifest
from gage.porcelain.choosing import chosen_one
from gage.porcelain.options import Json, Nul, Place
from gage.porcelain.table import table_lines
from gage.porcelain.window import terminal_width
from gage.row import Row
from gage.run import RUN_ID, open_run
from gage.shown import shown_line

TYPES = {"s": "source", "d": "dependency", "r": "runtime", "g": "generated"}

CHUNK = 1 << 18

ListWords = Annotated[
    list[str], typer.Argument(metavar="[RUN [PATH]...]", help="a run, and files of it")
]
CatWords = Annotated[list[str], typer.Argument(metavar="[RUN] PATH", help="a file of a run")]
Names = Annotated[bool, typer.Option("-n", "--names", help="names alone")]
All = Annotated[bool, typer.Option("-a", "--all", help="hidden files too")]
Source = Annotated[bool, typer.Option("--source", help="source code")]
Dependencies = Annotated[bool, typer.Option("--dependencies", help="dependencies")]
Generated = Annotated[bool, typer.Option("--generated", help="what the run made")]


class File(NamedTuple):
    """A file of a run; *type* is a value of TYPES, or ``step``, or empty while unknown."""

    path: str
    type: str
    size: int
    target: str


def ls(
    place: Place,
    filters: Filters,
    words: ListWords = [],
    names: Names = False,
    all: All = False,
    source: Source = False,
    dependencies: Dependencies = False,
    generated: Generated = False,
    json: Json = False,
    nul: Nul = False,
) -> int:
    """List the files of a run: of the newest one, unless told otherwise."""
    row = chosen_one(place.home, words[0] if words else "", filters)
    files = run_files(row)
    if words[1:]:
        files = _at(row, files, words[1:])
    # What is named is shown, whatever it is called.
    places = [os.path.normpath(word) for word in words[1:]]
    files = [file for file in files if all or not _is_hidden(file.path, places)]
    wanted = [
        TYPES[letter]
        for letter, flag in (("s", source), ("d", dependencies), ("g", generated))
        if flag
    ]
    if wanted:
        files = [file for file in files if file.type in wanted]
    if json:
        print_records((json_text(file._asdict()) for file in files), nul=nul)
    elif names:
        print_records((_name(file) if nul else shown_line(_name(file)) for file in files), nul=nul)
    else:
        _print_table(files, nul)
    return 0


def cat(place: Place, filters: Filters, words: CatWords) -> int:
    """Print a file of a run, byte for byte: of the newest run, unless told otherwise."""
    if len(words) > 2:
        raise UsageError("expected [RUN] PATH", "gage ls lists the files of a run")
    row = chosen_one(place.home, words[0] if words[1:] else "", filters)
    with open(open_run_file(row, words[-1]), "rb", buffering=0) as file:
        while data := file.read(CHUNK):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    return 0


def run_files(row: Row) -> list[File]:
    """The files of a run, in order, links not followed. Raises StateError for a bad manifest."""
    run = open_run(row.run_dir)
    try:
        types = {entry.path: TYPES[entry.type] for entry in read_manifest(run)}
    except StateError:
        types = {}
    finished = row.exit is not None

    def trouble(path: str, error: OSError) -> None:
        if path or error.errno != errno.ENOENT:
            raise error

    def found() -> Iterator[File]:
        with Dirs(row.run_dir) as dirs:
            for directory in walk(dirs, trouble):
                for entry in directory.files:
                    path = joined(directory.path, entry.name)
                    status = entry.stat(follow_symlinks=False)
                    target = (
                        os.readlink(entry.name, dir_fd=directory.fd) if entry.is_symlink() else ""
                    )
                    type = types.get(path) or ("" if finished else TYPES["g"])
                    if target and not directory.path and _is_step(row, target):
                        type = "step"
                    yield File(path, type, status.st_size, target)

    if not os.path.lexists(row.run_dir):
        return []
    return sorted(found())


def open_run_file(row: Row, path: str) -> int:
    """A descriptor of the file *path* of a run, read from its start.

    Links are followed within the run, and nowhere else. Raises NotFoundError, StateError.
    """
    top = os.path.realpath(row.run_dir)
    within = os.path.relpath(os.path.realpath(os.path.join(top, path)), top)
    shown = os.path.join(row.run_dir, path)
    if within == ".." or within.startswith("../"):
        raise StateError(f"{path}: leads out of the run", "gage ls lists the files of the run")
    try:
        # Links are resolved: what is one now has just been put there.
        with Dirs(top) as dirs:
            folder, name = os.path.split(within)
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=dirs.fd(folder))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"{shown}: no such file", "gage ls lists the files of the run"
        ) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise StateError(f"{shown}: not a file", "gage ls lists the files of the run")
    return fd


def _is_step(row: Row, target: str) -> bool:
    # A link to nothing is a step too: one whose run was deleted, or is still to be made.
    head, name = os.path.split(target)
    is_run = RUN_ID.fullmatch(name) or os.path.isdir(os.path.join(row.home, f"{name}.meta"))
    return head == ".." and bool(is_run)


def _is_hidden(path: str, places: Sequence[str]) -> bool:
    """Whether a name begins with a dot in *path*, below the one of *places* that has it."""
    for place in places:
        if path == place or path.startswith(f"{place}/"):
            path = path[len(place) :].removeprefix("/")
            break
    return path.startswith(".") or "/." in path


def _at(row: Row, files: Sequence[File], paths: Sequence[str]) -> list[File]:
    chosen = {}
    for path in paths:
        wanted = os.path.normpath(path)
        below = "" if wanted == "." else wanted + "/"
        found = [f for f in files if f.path == wanted or f.path.startswith(below)]
        if not found:
            raise NotFoundError(f"{os.path.join(row.run_dir, path)}: no such file")
        chosen.update(dict.fromkeys(found))
    return sorted(chosen)


def _name(file: File) -> str:
    return file.path + "/" if file.type == "step" else file.path


def _print_table(files: Sequence[File], nul: bool) -> None:
    sizes = [str(file.size) for file in files]
    width = max(map(len, sizes), default=0)
    columns = [
        [size.rjust(width) for size in sizes],
        [file.type for file in files],
        [_name(file) + (f" -> {file.target}" if file.target else "") for file in files],
    ]
    print_records(table_lines(columns, width=terminal_width()), nul=nul)
