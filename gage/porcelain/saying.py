"""gage runs label, tag and comment: what a person says about runs."""

from collections.abc import Sequence
from typing import Annotated

import typer

from gage.cli import complain
from gage.errors import GageError, NotFoundError, UsageError
from gage.filters import Filters
from gage.porcelain.asking import is_possible
from gage.porcelain.choosing import chosen_or_newest, listed
from gage.porcelain.done import tell_done
from gage.porcelain.options import Limit, Place, Stdin, named_specs
from gage.row import Row
from gage.said import add_comment, add_tags, remove_tags, set_label
from gage.selecting import UnknownRunError, select_runs

Words = Annotated[
    list[str], typer.Argument(metavar="TEXT [RUN]...", help="what to say, and of which runs")
]
Delete = Annotated[bool, typer.Option("--delete", help="take it away")]
Edit = Annotated[bool, typer.Option("-e", "--edit", help="write it in an editor")]

MOST_SHOWN = 20
"""So many runs are shown to who writes about them."""


def label(
    place: Place,
    filters: Filters,
    words: Words = [],
    limit: Limit = None,
    delete: Delete = False,
    stdin: Stdin = False,
) -> int:
    """Label runs: the newest one, unless told otherwise."""
    text, specs = ("", words) if delete else _text_and_specs(words, "label")
    for row in _meant("label", text, place, named_specs(specs, stdin), filters, limit):
        set_label(row.run, text)
        tell_done("labelled" if text else "unlabelled", row, text or None)
    return 0


def tag(
    place: Place,
    filters: Filters,
    words: Words = [],
    limit: Limit = None,
    delete: Delete = False,
    stdin: Stdin = False,
) -> int:
    """Tag runs, with one tag or several as A,B: the newest run, unless told otherwise."""
    text, specs = _text_and_specs(words, "tag")
    change = remove_tags if delete else add_tags
    for row in _meant("tag", text, place, named_specs(specs, stdin), filters, limit):
        change(row.run, text.split(","))
        tell_done("untagged" if delete else "tagged", row, text)
    return 0


def comment(
    place: Place,
    filters: Filters,
    words: Words = [],
    limit: Limit = None,
    stdin: Stdin = False,
    edit: Edit = False,
) -> int:
    """Comment on runs: on the newest one, unless told otherwise."""
    if edit and stdin:
        raise UsageError("-e needs the terminal, which --stdin reads no runs from")
    if edit or (not words and not stdin and is_possible()):
        return _write_comment(place, filters, words, limit)
    text, specs = _text_and_specs(words, "comment")
    for row in _meant("comment", text, place, named_specs(specs, stdin), filters, limit):
        add_comment(row.run, text)
        tell_done("commented", row)
    return 0


def _write_comment(place: Place, filters: Filters, specs: Sequence[str], limit: int | None) -> int:
    from gage.porcelain.editing import edited
    from gage.porcelain.runs import run_lines

    if not is_possible():
        raise UsageError("this is no terminal, and nobody can write", "gage runs comment TEXT")
    rows = chosen_or_newest(place.home, specs, filters, limit)
    help = [
        "Say something about:",
        "",
        *(f"  {line}" for line in run_lines(rows[:MOST_SHOWN])),
        *([f"  and {len(rows) - MOST_SHOWN} more"] if len(rows) > MOST_SHOWN else []),
        "",
        "Lines that begin with # are left out. Where nothing is left, nothing is said.",
    ]
    with edited(help) as text:
        if not text:
            complain("gage runs comment", "nothing was written, and nothing is said")
            return 1
        for row in rows:
            add_comment(row.run, text)
            tell_done("commented", row)
    return 0


def _meant(
    what: str,
    text: str,
    place: Place,
    specs: Sequence[str],
    filters: Filters,
    limit: int | None,
) -> list[Row]:
    """The runs that *text* is said about. Raises NotFoundError, also where it names one."""
    try:
        return chosen_or_newest(place.home, specs, filters, limit)
    except UnknownRunError as error:
        if error.spec != specs[0] or not _names_run(text, place, filters, limit):
            raise
        hint = f"the {what} comes first: gage runs {what} {what.upper()} [RUN]..."
        more = f"; or {error.hint}" if error.hint else ""
        raise NotFoundError(error.message, hint + more) from None


def _names_run(text: str, place: Place, filters: Filters, limit: int | None) -> bool:
    try:
        return bool(select_runs(listed(place.home, filters, limit), [text]))
    except GageError:
        return False


def _text_and_specs(words: Sequence[str], what: str) -> tuple[str, Sequence[str]]:
    if not words:
        raise UsageError(f"expected a {what}", f"gage runs {what} TEXT [RUN]...")
    return words[0], words[1:]
