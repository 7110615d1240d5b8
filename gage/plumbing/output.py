"""gage-output: print what a run wrote."""

import argparse
from collections.abc import Sequence

from gage.cli import command, parser_for
from gage.durable import write_all
from gage.output import output_name
from gage.run import open_run
from gage.written import read_output


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
    p.add_argument("--timestamps", action="store_true", help="begin each line with its time")
    return p


@command("gage-output")
def main(argv: Sequence[str]) -> int:
    """Print the output of a run."""
    args = parser().parse_args(argv)
    pieces = read_output(
        open_run(args.run_dir),
        output_name(args.phase),
        attempt=args.attempt,
        streams=args.streams or "oe",
        stamps=args.timestamps,
        follow=args.follow,
    )
    for piece in pieces:
        write_all(1, piece)
    return 0
