"""gage-output: print what a run wrote."""

import argparse
import sys
from collections.abc import Sequence

from gage.cli import command, parser_for, print_records
from gage.durable import write_all
from gage.errors import UsageError
from gage.output import output_name
from gage.run import open_run
from gage.written import as_lines, format_piece, read_output, read_pieces


def parser() -> argparse.ArgumentParser:
    """The command line of gage-output."""
    p = parser_for("gage-output", "Print what a run wrote.")
    p.add_argument("run_dir", metavar="RUN_DIR")
    p.add_argument("--attempt", type=int, metavar="N", help="what an earlier attempt wrote")
    p.add_argument("-f", "--follow", action="store_true", help="go on while more is written")
    p.add_argument("--phase", default="run", metavar="NAME", help="another phase than run")
    one = p.add_mutually_exclusive_group()
    one.add_argument(
        "--stdout", dest="streams", action="store_const", const="o", help="only standard output"
    )
    one.add_argument(
        "--stderr", dest="streams", action="store_const", const="e", help="only standard error"
    )
    how = p.add_mutually_exclusive_group()
    how.add_argument("--timestamps", action="store_true", help="begin each line with its time")
    how.add_argument("--json", action="store_true", help="print an object for each line")
    p.add_argument("-z", dest="nul", action="store_true", help="objects end with NUL, not newline")
    return p


@command("gage-output")
def main(argv: Sequence[str]) -> int:
    """Print the output of a run."""
    args = parser().parse_args(argv)
    if args.nul and not args.json:
        raise UsageError("-z goes with --json: the bytes are printed as they are")
    what = (open_run(args.run_dir), output_name(args.phase))
    which = {"attempt": args.attempt, "streams": args.streams or "oe", "follow": args.follow}
    if args.json:
        for line in as_lines(read_pieces(*what, **which)):
            print_records([format_piece(line)], nul=args.nul)
            if args.follow:
                sys.stdout.flush()
        return 0
    for piece in read_output(*what, stamps=args.timestamps, **which):
        write_all(1, piece)
    return 0
