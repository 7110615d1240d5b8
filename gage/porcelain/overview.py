"""The overview: what gage can do, and what there is to do it with here."""

import os
import shlex
from itertools import islice
from typing import TYPE_CHECKING

from gage.errors import GageError, refused
from gage.porcelain.commands import PLUMBING, PORCELAIN
from gage.shown import shown_line

if TYPE_CHECKING:
    from gage.row import Row

MOST_OPERATIONS = 10
MOST_RUNS = 3


def print_overview(*, here: bool) -> int:
    """Print the commands in groups: all of them or, with *here*, those for people, and what can
    be done in this directory.
    """
    print("usage: gage [-C DIR] [--runs DIR] COMMAND [ARGUMENT]...")
    for group, verbs in PORCELAIN.items():
        _print_group(group, {name: verb.summary for name, verb in verbs.items()})
    if here:
        print("\ngage help lists the plumbing, too; gage help COMMAND opens the page of a command.")
        for line in _here():
            print(line)
        return 0
    _print_group("Plumbing, for scripts: gage-COMMAND or gage COMMAND", PLUMBING)
    print("\ngage help COMMAND opens its page in the manual; gage --version tells the version.")
    return 0


def _print_group(title: str, commands: dict[str, str]) -> None:
    print(f"\n{title}:")
    for name, summary in commands.items():
        print(f"  {name:<13} {summary}")


def _here() -> list[str]:
    try:
        return [*_project(), *_runs()]
    except GageError as error:
        return ["", f"{shown_line(error.message)}: gage check says more."]
    except OSError as error:
        return ["", f"{shown_line(refused(error).message)}."]


def _project() -> list[str]:
    from gage.gage_file import find_gage_file, load_gage_file
    from gage.opdef import description, is_default
    from gage.porcelain.table import table_lines

    path = find_gage_file(os.getcwd())
    if path is None:
        return ["", "No gage file yet, here or above:", *_first_steps()]
    operations = list(load_gage_file(path).operations.values())
    where = shown_line(os.path.relpath(path))
    if not operations:
        return ["", f"{where}: no operations yet; gage help gage-file tells of them."]
    shown = operations[:MOST_OPERATIONS]
    names = [f"gage run {opdef.name}" for opdef in shown]
    about = [
        description(opdef).partition("\n")[0] + " (default)" * is_default(opdef) for opdef in shown
    ]
    more = len(operations) - len(shown)
    left = f"  and {more} more; gage ops lists them" if more else "  gage ops -v shows their flags"
    return ["", f"In {where}:", *(f"  {line}" for line in table_lines([names, about])), left]


def _first_steps() -> list[str]:
    scripts = sorted(name for name in os.listdir() if name.endswith((".py", ".sh")))
    script = shown_line(shlex.quote(scripts[0])) if scripts else "SCRIPT"
    width = max(len(script), 3) + 9
    return [
        f"  {f'gage run {script}':<{width}}  runs a script as it is",
        f"  {'gage new':<{width}}  writes a gage.yaml for what is here",
    ]


def _runs() -> list[str]:
    from gage.home import find_home
    from gage.listing import read_rows
    from gage.porcelain.colour import is_coloured
    from gage.porcelain.runs import run_lines
    from gage.porcelain.window import terminal_width

    rows = read_rows(find_home(None, os.getcwd(), os.environ))
    ids = {row.id for row in rows if row.id}
    # A step is taken up again with its pipeline.
    begun = {number: row for number, row in enumerate(rows, 1) if row.parent not in ids}
    shown = dict(islice(begun.items(), MOST_RUNS))
    if not shown:
        return []
    width = terminal_width()
    lines = run_lines(
        list(shown.values()),
        numbers=shown,
        width=width - 2 if width else None,
        coloured=is_coloured(),
    )
    return [
        "",
        "The last run:" if len(begun) == 1 else "The last runs:",
        *(f"  {line}" for line in lines),
        *_next(next(iter(shown.values()))),
    ]


def _next(row: "Row") -> list[str]:
    from gage.porcelain.runs import short_id

    name = shown_line(short_id(row))
    words = {
        # Without -n a pipeline runs all its steps again; to what failed it makes no difference.
        "error": (f"gage restart -n {name}", "takes it up where it failed"),
        "terminated": (f"gage restart -n {name}", "takes it up where it was ended"),
        "exited": (f"gage restart {name}", "completes its record, and takes it up again"),
        "pending": (f"gage restart {name}", "takes up what was begun"),
        "staged": (f"gage run --start {name}", "starts it"),
        "running": (f"gage log -f {name}", "shows what it writes"),
    }
    if row.status not in words:
        return []
    command, about = words[row.status]
    lines = [f"  {command}  {about}"]
    if row.status in ("error", "terminated"):
        lines.append(f"  {f'gage log {name}':<{len(command)}}  shows what it wrote")
    return lines
