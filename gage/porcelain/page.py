"""The page of a report: HTML that needs nothing but itself, and lets nothing of a run act.

All that comes from runs goes through gage.markup. The page has no script, and its policy
forbids any, and all that would be loaded: even what slipped through could do nothing.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any, NamedTuple

from gage import __version__
from gage.line_chart import Curve, curve_class, svg_chart
from gage.markup import as_lines, as_text
from gage.patch import marked_lines
from gage.porcelain.page_style import STYLE

MOST_OPEN = 3
"""So many differences are shown before one asks for them."""

_FEW_CELLS = 3

Table = Sequence[Sequence[str]]
"""Rows of cells; the first of each is its name."""


class Change(NamedTuple):
    """How a run differs from the first: tables by title, and a diff of the source code."""

    tables: Sequence[tuple[str, Table]]
    diff: str


class RunPart(NamedTuple):
    """What is told of one run: *tables* by title, and its *output*, which is HTML already."""

    anchor: str
    name: str
    operation: str
    status: str
    said: str
    tables: Sequence[tuple[str, Table]]
    output: str
    output_note: str
    change: Change | None


class Report(NamedTuple):
    """All that is on the page; *summary* has a row for each run, below the names *heads*."""

    title: str
    made: str
    heads: Sequence[str]
    summary: Table
    charts: Mapping[str, Sequence[Curve]]
    runs: Sequence[RunPart]


def format_page(report: Report) -> str:
    """The page of *report*, as a whole document."""
    return "\n".join([*_head(report.title), *_body(report), "</body>", "</html>", ""])


def _head(title: str) -> Iterator[str]:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{as_text(title)}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"


def _body(report: Report) -> Iterator[str]:
    yield f"<header><h1>{as_text(report.title)}</h1><p>{as_text(report.made)}</p></header>"
    if len(report.runs) > 1:
        yield "<h2>Runs</h2>"
        yield from _summary(report)
    if report.charts:
        yield "<h2>Metrics</h2>"
        yield '<div class="charts">'
        for name, curves in report.charts.items():
            chart = svg_chart(name, "step", curves)
            yield f'<figure class="card"><figcaption>{as_text(name)}</figcaption>{chart}</figure>'
        yield "</div>"
    changes = [run for run in report.runs if run.change]
    if changes:
        yield "<h2>Differences</h2>"
        yield f'<p class="note">What is not the same as in {_link(report.runs[0])}.</p>'
        for run in changes:
            yield from _change(run, report.runs[0], is_open=len(changes) <= MOST_OPEN)
    if len(report.runs) > 1:
        yield "<h2>In detail</h2>"
    for number, run in enumerate(report.runs):
        yield from _run(number, run, is_open=len(report.runs) == 1)
    yield f"<footer>Made by gage {as_text(__version__)}.</footer>"


def _summary(report: Report) -> Iterator[str]:
    yield '<div class="card scroll"><table><thead><tr>'
    yield "".join(f'<th scope="col">{as_text(head)}</th>' for head in report.heads)
    yield "</tr></thead><tbody>"
    for number, (run, cells) in enumerate(zip(report.runs, report.summary, strict=True)):
        yield f"<tr><td>{_swatch(number)}{_link(run)}</td>"
        for head, cell in zip(report.heads[1:], cells, strict=True):
            yield _status(cell, "td") if head == "status" else _cell(cell)
        yield "</tr>"
    yield "</tbody></table></div>"


def _change(run: RunPart, first: RunPart, *, is_open: bool) -> Iterator[str]:
    assert run.change
    is_same = not run.change.tables and not run.change.diff
    opened = " open" * is_open
    yield f'<details class="card run"{opened}><summary>{as_text(run.operation)} <span class="id">'
    said = "is the same" if is_same else as_text(run.said)
    yield f'{as_text(run.name)}</span><span class="more">{said}</span></summary>'
    heads = ["", first.name, run.name]
    yield '<div class="parts">'
    for title, rows in run.change.tables:
        yield from _plain(title, rows, () if title in ("files", "output") else heads)
    yield "</div>"
    if run.change.diff:
        yield "<h3>source code</h3>"
        yield f"<pre>{''.join(starmap(_diff_line, marked_lines(run.change.diff)))}</pre>"
    yield "</details>"


def _run(number: int, run: RunPart, *, is_open: bool) -> Iterator[str]:
    yield f'<details class="card run" id="{as_text(run.anchor)}"{" open" * is_open}>'
    yield f'<summary>{_swatch(number)}{as_text(run.operation)} <span class="id">'
    yield f"{as_text(run.name)}</span>{_status(run.status, 'span')}"
    yield f'<span class="more">{as_text(run.said)}</span></summary><div class="parts">'
    for title, rows in run.tables:
        yield from _plain(title, rows)
    yield "</div><h3>output</h3>"
    if run.output_note:
        yield f'<p class="note">{as_text(run.output_note)}</p>'
    yield f"<pre>{run.output}</pre>" if run.output else ""
    yield "</details>"


def _plain(title: str, rows: Table, heads: Sequence[str] = ()) -> Iterator[str]:
    wide = ' class="wide"' if any(len(row) > _FEW_CELLS for row in rows) else ""
    yield f'<div{wide}><h3>{as_text(title)}</h3><table class="plain">'
    if heads:
        yield "<thead><tr>"
        yield "".join(f'<th scope="col" class="id">{as_text(head)}</th>' for head in heads)
        yield "</tr></thead>"
    yield "<tbody>"
    for name, *cells in rows:
        values = "".join(f'<td class="value">{as_text(cell)}</td>' for cell in cells)
        yield f'<tr><th scope="row">{as_text(name)}</th>{values}</tr>'
    yield "</tbody></table></div>"


def _cell(text: str) -> str:
    return f'<td class="{"text" if len(text) > 40 else "value"}">{as_text(text)}</td>'


def _status(status: str, element: str) -> str:
    pill = f'<span class="status {as_text(status)}">{as_text(status)}</span>'
    return f"<td>{pill}</td>" if element == "td" else pill


def _swatch(number: int) -> str:
    return f'<span class="swatch {curve_class(number)}"></span>'


def _link(run: RunPart) -> str:
    return f'<a class="id" href="#{as_text(run.anchor)}">{as_text(run.name)}</a>'


def _diff_line(mark: str, line: str) -> str:
    kind = {"+": "plus", "-": "minus", "@": "place"}.get(mark, "")
    return f'<span class="{kind}">{as_lines(line)}</span>\n' if kind else as_lines(line) + "\n"


def rows_of(facts: Mapping[str, Any]) -> list[list[str]]:
    """The rows of a table of names and values, but for those that are empty."""
    return [[name, str(value)] for name, value in facts.items() if value not in ("", None)]
