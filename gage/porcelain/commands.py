"""The commands that the program gage has: where each is, and what it is for."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple


class Command(NamedTuple):
    """A command: *place* is ``module:function`` below ``gage.porcelain``."""

    place: str
    summary: str


PORCELAIN: dict[str, dict[str, Command]] = {
    "Run": {
        "run": Command("run:run", "run an operation or a script"),
        "restart": Command(
            "restart:restart", "run a run again, in place; with -n from where it failed"
        ),
    },
    "See what was run": {
        "runs": Command("runs:list_runs", "list runs"),
        "watch": Command("watch:watch", "see a run go on, until it ends"),
        "show": Command("show:show", "show everything about a run"),
        "log": Command("log:log", "show what a run wrote"),
        "compare": Command("compare:compare", "compare runs in a table of flags and metrics"),
        "plot": Command("plot:plot", "draw a metric of runs in the terminal"),
        "report": Command("report:report", "write a page about runs, to be shown to others"),
        "runs diff": Command("diff:diff", "tell how two runs, or two attempts, differ"),
        "ls": Command("files:ls", "list the files of a run"),
        "cat": Command("files:cat", "print a file of a run"),
        "select": Command("select:select", "print the ID of a run"),
    },
    "Work on runs": {
        "runs stop": Command("stop:stop", "end runs that are running"),
        "runs label": Command("saying:label", "label runs"),
        "runs tag": Command("saying:tag", "tag runs"),
        "runs comment": Command("saying:comment", "comment on runs"),
        "runs export": Command("archives:export", "write runs to an archive"),
        "runs import": Command("archives:import_", "bring in the runs of an archive"),
        "runs rm": Command("deleting:rm", "delete runs"),
        "runs restore": Command("deleting:restore", "bring deleted runs back"),
        "runs purge": Command("deleting:purge", "remove deleted runs for good"),
    },
    "See what can be run": {
        "new": Command("new:new", "write a first gage file for what is here"),
        "ops": Command("ops:ops", "list the operations of the project"),
        "check": Command("check:check", "check the gage file, or what runs claim"),
        "help": Command("help:help_", "open the manual"),
    },
}

PLUMBING = {
    "init": "make the meta dir of a run",
    "stage": "copy what a run needs into its run dir",
    "exec": "run the staged command",
    "finalize": "complete the record of a run",
    "reopen": "make a run that has ended ready to start again",
    "resume": "bring a run to its end, from wherever it was left",
    "link-steps": "link the steps of a pipeline",
    "run-steps": "run the linked steps of a pipeline",
    "manifest": "print or check the files of a run",
    "status": "print the status of a run",
    "ls-runs": "list run dirs",
    "fsck": "verify what runs claim",
    "output": "print what a run wrote",
    "read-config": "print the values in config files",
    "complete": "answer what a shell asks at TAB",
}

RUNNERS = ("run", "restart", "watch")
"""They answer with the exit code of what they ran, or saw: their own troubles are 125."""


def commands() -> dict[str, Command]:
    """The commands for people by name, ``runs rm`` among them, in the order of the overview."""
    return {name: found for group in PORCELAIN.values() for name, found in group.items()}


def load(name: str) -> Callable[..., int]:
    """The function of the command *name*."""
    module, _, function = commands()[name].place.partition(":")
    found: Callable[..., int] = getattr(import_module(f"gage.porcelain.{module}"), function)
    return found
