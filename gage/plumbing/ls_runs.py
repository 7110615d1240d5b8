"""gage-ls-runs: list the runs of a runs home."""

import argparse
import os
from collections.abc import Callable, Sequence

from gage.cli import command, parser_for, print_records
from gage.fields import format_json, parse_format, sort_rows
from gage.filters import Filters
from gage.home import find_home
from gage.listing import Row, read_rows


def ls_runs(home: str, filters: Filters, sort: Sequence[str] = ()) -> list[Row]:
    """The runs in *home* that *filters* let through, by the fields *sort*, else newest first."""
    rows = filters._replace(limit=None).apply(read_rows(home))
    return Filters(limit=filters.limit).apply(sort_rows(rows, sort))


def parser() -> argparse.ArgumentParser:
    """The command line of gage-ls-runs."""
    p = parser_for("gage-ls-runs", "List the runs of a runs home, newest first.")
    p.add_argument("-C", dest="cwd", metavar="DIR", default=".", help="work from there")
    p.add_argument("--runs", metavar="DIR", help="the runs home")
    p.add_argument("--filter", action="append", default=[], metavar="EXPR", help="only such runs")
    p.add_argument("--sort", action="append", default=[], metavar="KEY", help="sort by a field")
    p.add_argument("--format", metavar="FORMAT", help="what to print, such as '%%(id) %%(status)'")
    p.add_argument("-n", dest="limit", type=int, metavar="NUMBER", help="at most so many")
    p.add_argument("-z", dest="nul", action="store_true", help="records end with NUL, not newline")
    p.add_argument("--json", action="store_true", help="print objects")
    return p


@command("gage-ls-runs")
def main(argv: Sequence[str]) -> int:
    """Print one run dir, or what a format makes of a run, a line."""
    args = parser().parse_args(argv)
    home = find_home(args.runs, args.cwd, os.environ)
    filters = Filters(expressions=tuple(args.filter), limit=args.limit)
    print_records(map(_shown(args), ls_runs(home, filters, args.sort)), nul=args.nul)
    return 0


def _shown(args: argparse.Namespace) -> Callable[[Row], str]:
    if args.json:
        return format_json
    if args.format is not None:
        return parse_format(args.format, escape=not args.nul)
    return lambda row: row.run_dir
