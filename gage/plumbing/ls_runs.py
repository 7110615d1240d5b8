"""gage-ls-runs: list runs, and what is known of them."""

import argparse
import os
from collections.abc import Callable, Iterable, Sequence

from gage.cli import command, parser_for, print_records, read_records
from gage.errors import StateError, UsageError
from gage.fields import format_json, sort_rows
from gage.filters import Filters
from gage.home import find_home
from gage.listing import read_rows
from gage.row import Row, read_row
from gage.row_format import parse_format
from gage.run import Run, open_run


def ls_runs(home: str, filters: Filters, sort: Sequence[str] = ()) -> list[Row]:
    """The runs in *home* that *filters* let through, by the fields *sort*, else newest first."""
    return _chosen(read_rows(home), filters, sort)


def ls_named_runs(run_dirs: Iterable[str], filters: Filters, sort: Sequence[str] = ()) -> list[Row]:
    """As ls_runs, but of the runs at *run_dirs*, each once. Raises NotFoundError for no run."""
    runs: dict[str, Run] = {}
    for run in map(open_run, run_dirs):
        # The meta dir tells which run it is: it is never a link, as the run dir may be.
        runs.setdefault(os.path.realpath(run.meta_dir), run)
    rows = sorted((read_row(run.home, run.name) for run in runs.values()), reverse=True)
    return _chosen(rows, filters, sort)


def _chosen(rows: list[Row], filters: Filters, sort: Sequence[str]) -> list[Row]:
    rows = filters._replace(limit=None).apply(rows)
    return Filters(limit=filters.limit).apply(sort_rows(rows, sort))


def parser() -> argparse.ArgumentParser:
    """The command line of gage-ls-runs."""
    p = parser_for("gage-ls-runs", "List runs, newest first.")
    p.add_argument("run_dirs", metavar="RUN_DIR", nargs="*", help="these alone; - reads them")
    p.add_argument("--stdin", action="store_true", help="read run dirs from standard input")
    p.add_argument("-C", dest="cwd", metavar="DIR", default="", help="work from there")
    p.add_argument("--runs", metavar="DIR", help="the runs home")
    p.add_argument("--filter", action="append", default=[], metavar="EXPR", help="only such runs")
    p.add_argument("--steps-of", metavar="RUN_DIR", help="only runs begun as steps of it")
    p.add_argument("--equal-to", metavar="RUN_DIR", help="only runs into which the same went")
    p.add_argument("--sort", action="append", default=[], metavar="KEY", help="sort by a field")
    p.add_argument("--format", metavar="FORMAT", help="what to print, such as '%%(id) %%(status)'")
    p.add_argument("--shell", action="store_true", help="quote each value for sh")
    p.add_argument("-n", "--limit", type=int, metavar="NUMBER", help="at most so many")
    p.add_argument("-z", dest="nul", action="store_true", help="records end with NUL, not newline")
    p.add_argument("--json", action="store_true", help="print objects")
    return p


@command("gage-ls-runs")
def main(argv: Sequence[str]) -> int:
    """Print one run dir, or what a format makes of a run, a line."""
    args = parser().parse_args(argv)
    if args.json and (args.format is not None or args.shell):
        raise UsageError("--json prints all that is known, and has no format")
    shown = _shown(args)
    beside, expressions = _related(args)
    filters = Filters(expressions=(*args.filter, *expressions), limit=args.limit)
    if args.run_dirs or args.stdin:
        rows = ls_named_runs(_run_dirs(args), filters, args.sort)
    else:
        home = None if args.runs else beside
        home = home or find_home(args.runs, args.cwd or ".", os.environ)
        rows = ls_runs(home, filters, args.sort)
    print_records(map(shown, rows), nul=args.nul)
    return 0


def _related(args: argparse.Namespace) -> tuple[str, list[str]]:
    """Where the runs are that others are related to, and what these must meet."""
    beside, expressions = "", []
    if args.steps_of is not None:
        run = _opened(args, args.steps_of)
        beside = run.home
        if not run.id:
            # Any run that is no step has this parent.
            raise StateError(f"{run}: its ID is missing or damaged", f"gage-fsck {run}")
        expressions.append(f"parent = '{run.id}'")
    if args.equal_to is not None:
        from gage.fingerprint import run_fingerprint

        run = _opened(args, args.equal_to)
        beside = beside or run.home
        expressions.append(f"fingerprint = '{run_fingerprint(run)}'")
    return beside, expressions


def _opened(args: argparse.Namespace, run_dir: str) -> Run:
    return open_run(os.path.join(args.cwd, run_dir))


def _run_dirs(args: argparse.Namespace) -> Iterable[str]:
    names = [*args.run_dirs, *(["-"] if args.stdin and "-" not in args.run_dirs else [])]
    for name in names:
        found = read_records(args.nul) if name == "-" else [name]
        yield from (os.path.join(args.cwd, run_dir) for run_dir in found)


def _shown(args: argparse.Namespace) -> Callable[[Row], str]:
    if args.json:
        return format_json
    if args.format is None and not args.shell:
        return lambda row: row.run_dir
    text = "%(run_dir)" if args.format is None else args.format
    return parse_format(text, escape=not args.nul, shell=args.shell)
