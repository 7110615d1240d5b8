"""The commands that the program gage has: where each is, and what it is for."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple


class Verb(NamedTuple):
    """A command: *place* is ``module:function`` below ``gage.porcelain``."""

    place: str
    summary: str


PORCELAIN: dict[str, dict[str, Verb]] = {
    "Run": {
        "run": Verb("run:run", "run an operation or a script"),
        "restart": Verb(
            "restart:restart", "run a run again, in place; with -n from where it failed"
        ),
    },
    "See what was run": {
        "runs": Verb("runs:list_runs", "list runs"),
        "watch": Verb("watch:watch", "see a run go on, until it ends"),
        "show": Verb("show:show", "show everything about a run"),
        "log": Verb("log:log", "show what a run wrote"),
        "compare": Verb("compare:compare", "compare runs in a table of flags and metrics"),
        "plot": Verb("plot:plot", "draw a metric of runs in the terminal"),
        "report": Verb("report:report", "write a page about runs, to be shown to others"),
        "runs diff": Verb("diff:diff", "tell how two runs, or two attempts, differ"),
        "ls": Verb("files:ls", "list the files of a run"),
        "cat": Verb("files:cat", "print a file of a run"),
        "select": Verb("select:select", "print the ID of a run"),
    },
    "Work on runs": {
        "runs stop": Verb("stop:stop", "end runs that are running"),
        "runs label": Verb("saying:label", "label runs"),
        "runs tag": Verb("saying:tag", "tag runs"),
        "runs comment": Verb("saying:comment", "comment on runs"),
        "runs export": Verb("archives:export", "write runs to an archive"),
        "runs import": Verb("archives:import_", "bring in the runs of an archive"),
        "runs rm": Verb("deleting:rm", "delete runs"),
        "runs restore": Verb("deleting:restore", "bring deleted runs back"),
        "runs purge": Verb("deleting:purge", "remove deleted runs for good"),
    },
    "See what can be run": {
        "new": Verb("new:new", "write a first gage file for what is here"),
        "ops": Verb("ops:ops", "list the operations of the project"),
        "check": Verb("check:check", "check the gage file, or what runs claim"),
        "help": Verb("help:help_", "open the manual"),
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


def verbs() -> dict[str, Verb]:
    """The commands for people by name, ``runs rm`` among them, in the order of the overview."""
    return {name: verb for group in PORCELAIN.values() for name, verb in group.items()}


def load(name: str) -> Callable[..., int]:
    """The function of the command *name*."""
    module, _, function = verbs()[name].place.partition(":")
    found: Callable[..., int] = getattr(import_module(f"gage.porcelain.{module}"), function)
    return found
