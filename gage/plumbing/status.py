"""gage-status: print the status of runs."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from gage.cli import add_run_dirs, command, parser_for, print_records, run_dirs
from gage.json_text import json_text
from gage.run import open_run
from gage.status import Status, status_at

POLL_SECONDS = 0.05


def wait_for_run(run_dir: str) -> Status:
    """The status of a run once it is no longer ``running``. Raises NotFoundError."""
    # Waiting for the lock itself would mean to take it, and whoever wants it then fails.
    while (status := status_at(run_dir)) == "running":
        time.sleep(POLL_SECONDS)
    return status


def parser() -> argparse.ArgumentParser:
    """The command line of gage-status."""
    p = parser_for("gage-status", "Print the status of runs.")
    add_run_dirs(p)
    p.add_argument("--wait", action="store_true", help="wait until no run is running")
    p.add_argument("--json", action="store_true", help="print objects, with run_dir and id")
    return p


@command("gage-status")
def main(argv: Sequence[str]) -> int:
    """Print one word, or one object, a run."""
    args = parser().parse_args(argv)
    for record in _records(args):
        print_records([record], nul=args.nul)
        sys.stdout.flush()  # the next may have to be waited for, or be no run
    return 0


def _records(args: argparse.Namespace) -> Iterator[str]:
    for run_dir in run_dirs(args):
        status = wait_for_run(run_dir) if args.wait else status_at(run_dir)
        if args.json:
            id = open_run(run_dir).id
            yield json_text({"run_dir": run_dir, "id": id, "status": status})
        else:
            yield status
