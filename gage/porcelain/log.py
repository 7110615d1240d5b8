"""gage log: what a run wrote.

A pipe gets the bytes, as gage-output(1) gives them. On a terminal they can only be text and
colour: what would move the cursor, or do worse, is shown escaped.
"""

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from gage.durable import write_all
from gage.errors import UsageError
from gage.filters import Filters
from gage.output import output_name
from gage.porcelain.choosing import chosen_one
from gage.porcelain.options import Place, Spec
from gage.run import open_run
from gage.shown import shown
from gage.written import read_output

AttemptNumber = Annotated[
    int | None, typer.Option("--attempt", metavar="N", min=1, help="what an earlier attempt wrote")
]
Follow = Annotated[bool, typer.Option("-f", "--follow", help="go on while more is written")]
Phase = Annotated[str, typer.Option("--phase", metavar="NAME", help="another phase than run")]
Stdout = Annotated[bool, typer.Option("--stdout", help="only standard output")]
Stderr = Annotated[bool, typer.Option("--stderr", help="only standard error")]
Timestamps = Annotated[bool, typer.Option("--timestamps", help="begin each line with its time")]

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_BEGUN = re.compile(r"(\x1b(?:\[[0-9;]{0,20})?|\r)\Z")


def log(
    place: Place,
    filters: Filters,
    spec: Spec = "",
    attempt: AttemptNumber = None,
    follow: Follow = False,
    phase: Phase = "run",
    stdout: Stdout = False,
    stderr: Stderr = False,
    timestamps: Timestamps = False,
) -> int:
    """Show what a run wrote: the newest one, unless told otherwise."""
    if stdout and stderr:
        raise UsageError("--stdout and --stderr: one of them, or neither for both")
    row = chosen_one(place.home, spec, filters)
    pieces = read_output(
        open_run(row.run_dir),
        output_name(phase),
        attempt=attempt,
        streams="o" if stdout else "e" if stderr else "oe",
        stamps=timestamps,
        follow=follow,
    )
    for piece in tamed(pieces) if sys.stdout.isatty() else pieces:
        write_all(1, piece)
    return 0


def tamed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """*pieces* as text that can do nothing to a terminal but colour it, for a while.

    A carriage return begins a new line, so that a progress bar reads as what it showed.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    held, coloured = "", False
    for piece in pieces:
        text = held + decoder.decode(piece)
        # Half of a colour, or of the end of a line, waits for its other half.
        begun = _BEGUN.search(text)
        held = begun.group() if begun else ""
        text = text[: len(text) - len(held)]
        coloured = coloured or "\x1b" in text
        yield _tame(text)
    rest = _tame(held + decoder.decode(b"", final=True))
    yield rest + (b"\x1b[0m" if coloured else b"")


def _tame(text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_tame_line(line) for line in lines).encode()


def _tame_line(line: str) -> str:
    if line.isprintable():
        return line
    parts = _COLOUR.split(line)
    return "".join(
        part if i % 2 else "\t".join(map(shown, part.split("\t"))) for i, part in enumerate(parts)
    )
