"""The options that several porcelain commands have, each spelled once."""

import os
import sys
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Annotated, Any, NamedTuple

import typer

from gage import clock
from gage.errors import NotFoundError
from gage.filters import Filters
from gage.home import find_home
from gage.job_slots import MOST_JOBS
from gage.moments import parse_span
from gage.status import STATUSES, Status
from gage.trust import VARIABLE


class NothingNamedError(Exception):
    """Standard input was to name runs, and named none: there is nothing to do."""


class Place(NamedTuple):
    """Where a command works: in the current directory, with the runs home that was named."""

    runs: str

    @property
    def home(self) -> str:
        """The runs home, as an absolute path without links. Raises ConfigError."""
        return os.path.realpath(find_home(self.runs or None, os.getcwd(), os.environ))


class Group(NamedTuple):
    """A group of options, and what makes one value of theirs, in the same order."""

    parameters: list[Parameter]
    gather: Callable[..., Any]


Directory = Annotated[str, typer.Option("-C", metavar="DIR", help="work from directory DIR")]
Runs = Annotated[str, typer.Option("--runs", metavar="DIR", help="the runs home")]
Specs = Annotated[list[str], typer.Argument(metavar="[RUN]...", help="runs, as in gage-select(1)")]
Spec = Annotated[str, typer.Argument(metavar="[RUN]", help="a run, as in gage-select(1)")]
Stdin = Annotated[
    bool, typer.Option("--stdin", help="read runs from standard input, one a line, or NUL-ended")
]
Json = Annotated[bool, typer.Option("--json", help="print JSON, one object a line")]
Nul = Annotated[bool, typer.Option("-z", help="records end with NUL, not newline")]
Trust = Annotated[bool, typer.Option("--trust", help="believe a gage file of another user")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="do not ask")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="say nothing that is no trouble")]
Raw = Annotated[bool, typer.Option("--raw", help="pass on what steps write as it comes")]
Limit = Annotated[
    int | None, typer.Option("-n", "--limit", metavar="N", min=0, help="at most N of them")
]
Label = Annotated[str, typer.Option("-l", "--label", metavar="TEXT", help="label the run")]
Tags = Annotated[list[str], typer.Option("-t", "--tag", metavar="TAG", help="tag the run")]

Needed = Annotated[bool, typer.Option("-n", "--needed", help="not where an equal run is completed")]
Clean = Annotated[bool, typer.Option("--clean", help="remove what runs generated first")]
ForceSource = Annotated[
    bool, typer.Option("--force-sourcecode", help="stage the project as it is now")
]
Jobs = Annotated[
    int,
    typer.Option(
        "-j",
        "--jobs",
        metavar="N",
        min=0,
        max=MOST_JOBS,
        show_default=False,
        help="N steps at once",
    ),
]

_Operations = Annotated[
    list[str], typer.Option("-Fo", "--operation", metavar="OPERATION", help="runs of it")
]
_Labels = Annotated[
    list[str], typer.Option("-Fl", "--labelled", metavar="LABEL", help="with this label")
]
_Tags = Annotated[list[str], typer.Option("-Ft", "--tagged", metavar="TAG", help="with this tag")]
_Statuses = Annotated[
    list[str], typer.Option("-Fs", "--status", metavar="STATUS", help="with this status")
]
_Expressions = Annotated[
    list[str], typer.Option("-Fe", "--filter", metavar="EXPR", help="such as 'lr > 0.1'")
]
_Started = Annotated[
    str, typer.Option("--started", metavar="WHEN", help="such as 'last 2 hours', 'today'")
]


def go_to(directory: str) -> None:
    """Make *directory* the current one, if it is named. Raises NotFoundError."""
    if not directory:
        return
    try:
        os.chdir(directory)
    except OSError as error:
        raise NotFoundError(f"{directory}: {error.strerror}") from None


def believe(trust: bool) -> None:
    """With *trust*, believe the gage files of others, and let what is started do so."""
    if trust:
        os.environ[VARIABLE] = "1"


def _place(directory: str, runs: str) -> Place:
    go_to(directory)
    return Place(runs)


def _filters(
    operations: list[str],
    labels: list[str],
    tags: list[str],
    statuses: list[str],
    expressions: list[str],
    started: str,
    *flagged: bool,
) -> Filters:
    also = [status for status, flag in zip(STATUSES, flagged, strict=True) if flag]
    return Filters(
        operations=tuple(operations),
        labels=tuple(labels),
        tags=tuple(tags),
        statuses=(*statuses, *also),
        expressions=tuple(expressions),
        started=parse_span(started, clock.now()) if started else None,
    )


def named_specs(specs: Sequence[str], stdin: bool) -> Sequence[str]:
    """*specs*, and with *stdin* those that standard input names.

    Raises NothingNamedError where that was asked for, and there are none at all: without
    names, some commands mean the newest run, or all.
    """
    if not stdin:
        return specs
    data = sys.stdin.buffer.read()
    names = data.split(b"\0" if b"\0" in data else b"\n")
    found = [*specs, *(os.fsdecode(name) for name in names if name)]
    if not found:
        raise NothingNamedError
    return found


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _status_flag(status: Status) -> Parameter:
    option = typer.Option(f"--{status}", help=f"as -Fs {status}")
    return _parameter(status, Annotated[bool, option], False)


GROUPS: dict[Any, Group] = {
    Specs: Group(
        [_parameter("specs", Specs, []), _parameter("stdin", Stdin, False)],
        named_specs,
    ),
    Place: Group(
        [_parameter("directory", Directory, ""), _parameter("runs", Runs, "")],
        _place,
    ),
    Filters: Group(
        [
            _parameter("operations", _Operations, []),
            _parameter("labels", _Labels, []),
            _parameter("tags", _Tags, []),
            _parameter("statuses", _Statuses, []),
            _parameter("expressions", _Expressions, []),
            _parameter("started", _Started, ""),
            *map(_status_flag, STATUSES),
        ],
        _filters,
    ),
}
