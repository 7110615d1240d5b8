"""gage help: opens the manual."""

from typing import Annotated

import typer

from gage.manual import find_page, open_page
from gage.porcelain.options import Place
from gage.porcelain.overview import print_overview

Words = Annotated[
    list[str], typer.Argument(metavar="[COMMAND|PAGE]", help="such as run, gage-stage, gage-file")
]


def help_(place: Place, words: Words = []) -> int:
    """Open the page of a command, or any other page of the manual."""
    if not words:
        return print_overview(here=True)
    # The page of `runs rm` is that of `runs`.
    name = "-".join(words)
    open_page(name if find_page(name) else words[0])
    return 0
