"""gage new: write a first gage file for what is in the current directory."""

import os
import sys
from typing import Annotated

import typer

from gage.durable import sync_dir
from gage.errors import NotFoundError, StateError
from gage.first_gage_file import FirstFile, look
from gage.found import Found
from gage.gage_file import NAMES
from gage.porcelain.options import Directory, Trust, believe, go_to
from gage.porcelain.table import table_lines
from gage.shown import shown_line

Print = Annotated[bool, typer.Option("--print", help="print the gage file, and write nothing")]


def new(directory: Directory = "", print_: Print = False, trust: Trust = False) -> int:
    """Write a first gage file for what is here."""
    go_to(directory)
    believe(trust)
    if not print_:
        _expect_none()
    first = look(os.getcwd(), os.environ)
    if not first.taken:
        for line in _left(first.left):
            sys.stderr.write(f"{line}\n")
        raise NotFoundError(
            "nothing here that could be run",
            "write a script, or a gage.yaml by hand: gage help gage-file",
        )
    to = sys.stderr if print_ else sys.stdout
    lines = [*_taken(first.taken), *_left(first.left)]
    if print_:
        sys.stdout.write(first.text)
    else:
        _write(first.text)
        lines += _next(first)
    to.write("".join(f"{line}\n" for line in lines))
    return 0


def _expect_none() -> None:
    for name in NAMES:
        if os.path.lexists(name):
            raise StateError(
                f"{name}: there already",
                "gage check checks it, gage new --print shows what would be written",
            )


def _write(text: str) -> None:
    """Write the gage file whole, or not at all, and never over another."""
    temporary = f".gage-{os.urandom(12).hex()}"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
        os.link(temporary, NAMES[0])
    except FileExistsError:
        _expect_none()
        raise
    except OSError as error:
        # The other name is one that nobody has seen, and is gone.
        error.filename, error.filename2 = NAMES[0], None
        raise
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    sync_dir(".")


def _taken(found: list[Found]) -> list[str]:
    columns = [[f.name for f in found], [f.source for f in found], [f.about for f in found]]
    return list(table_lines(columns))


def _left(found: list[Found]) -> list[str]:
    return [shown_line(f"left out: {f.source}: {f.about}") for f in found]


def _next(first: FirstFile) -> list[str]:
    count = len(first.taken)
    default = next((f for f in first.taken if f.definition.get("default")), None)
    default = default or next((f for f in first.taken if "config" in f.definition), None)
    name = (default or first.taken[0]).name
    operations, it = (
        ("operation", "it with its") if count == 1 else ("operations", "them with their")
    )
    return [
        f"gage.yaml is written: {count} {operations}",
        f"next: gage ops -v shows {it} flags, gage run {name} runs {'it' if count == 1 else 'one'}",
    ]
