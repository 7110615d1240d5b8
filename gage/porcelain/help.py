"""gage help: opens the manual."""

import os
from typing import Annotated

import typer

from gage.cli import complain
from gage.errors import UsageError
from gage.manual import find_mentions, find_page, open_page
from gage.porcelain.colour import is_plain
from gage.porcelain.commands import commands
from gage.porcelain.options import Place
from gage.porcelain.overview import print_overview
from gage.porcelain.paging import VARIABLE
from gage.porcelain.table import table_lines

Words = Annotated[
    list[str], typer.Argument(metavar="[COMMAND|PAGE]", help="such as run, gage-stage, gage-file")
]

Keyword = Annotated[bool, typer.Option("-k", "--keyword", help="find the pages that mention it")]


def help_(place: Place, words: Words = [], keyword: Keyword = False) -> int:
    """Open the page of a command, or any other page of the manual."""
    if keyword:
        return _print_mentions(" ".join(words))
    if not words:
        return print_overview(here=False)
    name = "-".join(words).removeprefix("gage-")
    # The page of `runs rm` is that of `runs`, also where it is written as pages are.
    if name.replace("-", " ", 1) in commands():
        words = name.split("-", 1)
    # Who wants plain lines has them from us: man(1) would make some bold, and wait.
    plain = is_plain() and VARIABLE not in os.environ
    open_page(name if find_page(name) else words[0], plain=plain)
    return 0


def _print_mentions(phrase: str) -> int:
    if not phrase.strip():
        raise UsageError("-k: expected a word to look for", "gage help -k restart")
    found = find_mentions(phrase)
    if not found:
        complain("gage help", f"{phrase}: the manual does not mention it", "gage help lists all")
        return 1
    where = [", ".join(head for head in m.headings if head != "NAME") for m in found]
    columns = [[m.page for m in found], [m.about for m in found], where]
    for line in table_lines(columns):
        print(line)
    return 0
