"""gage-fsck: verify what runs claim."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from gage.claims import check_run
from gage.cli import (
    add_run_dirs,
    command,
    complain,
    parser_for,
    print_records,
    run_dirs,
)
from gage.durable import Sync, sync_policy
from gage.errors import LockedError, NotFoundError, StateError
from gage.finding import Finding, is_trouble
from gage.home_claims import check_home
from gage.json_text import json_text
from gage.progress import Progress, ignore
from gage.repair import is_mendable, repair_home, repair_run
from gage.run import Run, open_run, run_names
from gage.shown import shown_line

PROG = "gage-fsck"


def fsck_run(run: Run, *, repair: bool = False, progress: Progress = ignore) -> list[Finding]:
    """Everything that is to be said of *run*; with *repair* what is left when it was mended.

    Raises NotFoundError where it is gone, and with *repair* LockedError where it is at work.
    """
    findings = check_run(run, progress=progress)
    if repair and any(finding.what == "running" for finding in findings):
        raise LockedError(f"{run}: at work, and not to be mended meanwhile", "try again")
    if repair and any(map(is_mendable, findings)):
        repair_run(run)
        findings = check_run(run, progress=progress)
    return findings


def fsck_run_at(
    run_dir: str, *, repair: bool = False, sync: Sync = "commit", progress: Progress = ignore
) -> list[Finding]:
    """As fsck_run, of the run at *run_dir*, which may be one that only a newer gage can read."""
    try:
        run = open_run(run_dir, sync=sync)
    except StateError as error:
        message = error.message.removeprefix(f"{run_dir}: ")
        name = os.path.basename(run_dir.rstrip("/"))
        return [Finding(run_dir, "error", "unreadable", name, message, error.hint)]
    return fsck_run(run, repair=repair, progress=progress)


def fsck_home(home: str, *, repair: bool = False) -> list[Finding]:
    """Everything that is to be said of the runs home, but of its runs. Raises NotFoundError."""
    if not os.path.isdir(home):
        raise NotFoundError(f"{home}: no such directory")
    findings = check_home(home)
    if repair and any(map(is_trouble, findings)):
        repair_home(home)
        findings = check_home(home)
    return findings


def parser() -> argparse.ArgumentParser:
    """The command line of gage-fsck."""
    p = parser_for(PROG, "Verify what runs claim.")
    add_run_dirs(p)
    p.add_argument("--json", action="store_true", help="print objects")
    p.add_argument("--repair", action="store_true", help="mend what can be mended")
    p.add_argument("--runs", metavar="DIR", help="check this runs home, and all of its runs")
    return p


@command(PROG)
def main(argv: Sequence[str]) -> int:
    """Print what is wrong with runs; 1 where anything is."""
    args = parser().parse_args(argv)
    code = 0
    for findings in _checked(args, sync_policy(os.environ)):
        if isinstance(findings, LockedError):
            complain(PROG, findings.message, findings.hint)
            code = findings.exit_code
            continue
        print_records((_record(finding, args.json) for finding in findings), nul=args.nul)
        sys.stdout.flush()  # the next may take long, or be no run
        code = code or int(any(map(is_trouble, findings)))
    return code


def _checked(args: argparse.Namespace, sync: Sync) -> Iterator[list[Finding] | LockedError]:
    """What is to be said of each run in turn, and of the runs home, or who is in the way."""
    if args.runs is None or args.run_dirs or args.stdin:
        for run_dir in run_dirs(args):
            try:
                yield fsck_run_at(run_dir, repair=args.repair, sync=sync)
            except LockedError as error:
                yield error
    if args.runs is None:
        return
    home = args.runs.rstrip("/") or "/"
    for name in sorted(run_names(home)):
        run_dir = os.path.join(home, name)
        try:
            yield fsck_run_at(run_dir, repair=args.repair, sync=sync)
        except LockedError:
            yield fsck_run_at(run_dir)  # who is at work has no need of us
        except NotFoundError:
            continue  # deleted meanwhile, or what fsck_home tells of
    yield fsck_home(home, repair=args.repair)


def _record(finding: Finding, json: bool) -> str:
    if json:
        return json_text(finding._asdict())
    return "\t".join(map(shown_line, finding))
