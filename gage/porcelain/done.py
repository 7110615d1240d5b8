"""What was done with runs, a line a run: for eyes, and never in a pipe."""

import sys

from gage.porcelain.runs import short_id
from gage.porcelain.table import GAP, cut
from gage.porcelain.window import window_size
from gage.row import Row
from gage.shown import shown_line


def tell_done(what: str, row: Row, about: str | None = None) -> None:
    """Say on a terminal that *row* was *what*; *about* stands in place of label and flags."""
    if not sys.stderr.isatty():
        return
    about = (row.label or row.settings) if about is None else about
    words = filter(None, (what, short_id(row), row.operation, about))
    line = cut(shown_line(GAP.join(words)), window_size(sys.stderr.fileno())[1])
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        pass  # it is done, whether or not anybody hears of it
