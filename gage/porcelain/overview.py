"""The overview: what gage can do, and what there is to do it with here."""

import os

from gage.cli import shown_line
from gage.errors import GageError
from gage.porcelain.commands import PLUMBING, PORCELAIN


def print_overview(*, here: bool) -> int:
    """Print all commands in groups and, with *here*, what the project here has."""
    print("usage: gage [-C DIR] [--runs DIR] COMMAND [ARGUMENT]...")
    for group, verbs in PORCELAIN.items():
        _print_group(group, {name: verb.summary for name, verb in verbs.items()})
    _print_group("Plumbing, for scripts: gage-COMMAND or gage COMMAND", PLUMBING)
    print("\ngage help COMMAND opens its page in the manual; gage --version tells the version.")
    if here:
        _print_project()
    return 0


def _print_group(title: str, commands: dict[str, str]) -> None:
    print(f"\n{title}:")
    for name, summary in commands.items():
        print(f"  {name:<13} {summary}")


def _print_project() -> None:
    from gage.gage_file import find_gage_file, load_gage_file

    try:
        path = find_gage_file(os.getcwd())
        if path is None:
            return
        count = len(load_gage_file(path).operations)
    except GageError as error:
        print(f"\n{shown_line(error.message)}: gage check says more.")
        return
    noun = "operation" if count == 1 else "operations"
    print(f"\n{shown_line(os.path.relpath(path))}: {count} {noun}; gage ops lists them.")
