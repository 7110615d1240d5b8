"""gage-select: find the run that a person means."""

import argparse
import os
from collections.abc import Sequence

from gage.cli import command, parser_for, print_records, read_records
from gage.errors import UsageError
from gage.fields import format_json
from gage.home import find_home
from gage.listing import read_rows
from gage.selecting import is_path, select_runs


def parser() -> argparse.ArgumentParser:
    """The command line of gage-select."""
    p = parser_for("gage-select", "Find the run that a person means.")
    p.add_argument("specs", metavar="SPEC", nargs="*", help="1, a run dir, an ID, an operation")
    p.add_argument("--stdin", action="store_true", help="read specs from standard input")
    p.add_argument("-C", dest="cwd", metavar="DIR", default="", help="work from there")
    p.add_argument("--runs", metavar="DIR", help="the runs home")
    p.add_argument("-z", dest="nul", action="store_true", help="records end with NUL, not newline")
    p.add_argument("--json", action="store_true", help="print objects")
    return p


@command("gage-select")
def main(argv: Sequence[str]) -> int:
    """Print one run dir a line."""
    args = parser().parse_args(argv)
    if not args.specs and not args.stdin:
        raise UsageError("which runs?", "name them, or pipe their names to --stdin")
    words = [*args.specs, *(read_records(args.nul) if args.stdin else ())]
    specs = [os.path.join(args.cwd, spec) if is_path(spec) else spec for spec in words]
    rows = select_runs(read_rows(find_home(args.runs, args.cwd or ".", os.environ)), specs)
    if args.json:
        print_records(map(format_json, rows), nul=args.nul)
    else:
        print_records((row.run_dir for row in rows), nul=args.nul)
    return 0
