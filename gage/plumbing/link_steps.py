"""gage-link-steps: link the runs of steps to their pipeline."""

import argparse
import os
from collections.abc import Sequence

from gage.cli import command, parser_for, print_records, read_records
from gage.durable import sync_policy
from gage.errors import NotFoundError, StateError
from gage.json_text import json_text
from gage.opref import OpRef
from gage.pipeline import StepLink, link_step, named_steps, step_links
from gage.recorded import recorded_opdef
from gage.run import Run, open_run
from gage.staged import was_never_staged


def link_steps(parent: Run, steps: Sequence[tuple[str, Run]]) -> None:
    """Link each step run to *parent* by its name, or where that is empty by its operation's.

    Raises StateError where something else has the name, or the parent is not staged, which
    would take the links away again, and UsageError for no name.
    """
    if was_never_staged(parent):
        raise StateError(f"{parent}: not staged yet", f"gage-stage {parent}")
    for name, step in steps:
        link_step(parent, name or _free_name(parent, step), step.run_dir)


def read_links(parent: Run) -> list[StepLink]:
    """The links of *parent*: those of its steps, there or not, and all others."""
    return step_links(parent, named_steps(recorded_opdef(parent)))


def _free_name(parent: Run, step: Run) -> str:
    base = os.path.basename((step.opref or OpRef("", step.name)).name) or step.name
    taken = {link.name for link in step_links(parent)}
    number = 1
    while (name := base if number == 1 else f"{base}_{number}") in taken:
        number += 1
    return name


def parser() -> argparse.ArgumentParser:
    """The command line of gage-link-steps."""
    p = parser_for("gage-link-steps", "Link the runs of steps to their pipeline.")
    p.add_argument("parent_dir", metavar="PARENT_DIR")
    p.add_argument("steps", metavar="[NAME=]STEP_DIR", nargs="*", help="the runs to link")
    p.add_argument("--check", action="store_true", help="exit 1 unless all links are ok")
    p.add_argument("--stdin", action="store_true", help="read the runs from standard input")
    p.add_argument("--json", action="store_true", help="print objects")
    p.add_argument("-z", dest="nul", action="store_true", help="records end with NUL, not newline")
    return p


@command("gage-link-steps")
def main(argv: Sequence[str]) -> int:
    """Link steps, or list or check the links."""
    args = parser().parse_args(argv)
    parent = open_run(args.parent_dir, sync=sync_policy(os.environ))
    if args.steps or args.stdin:
        steps = [*args.steps, *(read_records(args.nul) if args.stdin else ())]
        link_steps(parent, [_parse_step(text) for text in steps])
        return 0
    links = read_links(parent)
    if args.check:
        return 0 if all(link.state == "ok" for link in links) else 1
    if args.json:
        print_records((json_text(link._asdict()) for link in links), nul=args.nul)
    else:
        print_records(("\t".join(link) for link in links), nul=args.nul)
    return 0


def _parse_step(text: str) -> tuple[str, Run]:
    """The name and the run that ``[NAME=]STEP_DIR`` means; a path may hold `=` itself."""
    name, equals, path = text.partition("=")
    if equals and "/" not in name:
        try:
            return name, open_run(path)
        except NotFoundError:
            if not os.path.isdir(text + ".meta"):
                raise
    return "", open_run(text)
