"""gage run: make a run of an operation, from the values to the exit code, in one go.

It composes init, stage, exec and finalize, and nothing else: the script that ``--print``
prints does the same.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

from gage.beginning import init_run
from gage.cli import complain, shell_exit_code, shown
from gage.durable import sync_policy
from gage.errors import UsageError
from gage.filters import Filters
from gage.home import make_project_home
from gage.opdef import Dependency, dependencies, description, sourcecode_rule
from gage.operation import Operation, Prepared, open_words, prepare
from gage.plumbing.exec import exec_run
from gage.plumbing.finalize import finalize_run
from gage.plumbing.stage import stage_run
from gage.porcelain.asking import confirm, is_possible
from gage.porcelain.choosing import chosen
from gage.porcelain.options import Label, Place, Quiet, Tags, Yes
from gage.porcelain.phase import phase
from gage.run import Run, has_fact, open_run
from gage.scalar import format_value
from gage.sourcecode import select_sourcecode
from gage.trash import delete_run, purge_run

Words = Annotated[list[str], typer.Argument(metavar="[OPERATION|FILE] [NAME=VALUE]...")]
Stage = Annotated[bool, typer.Option("--stage", help="stage it, and start it later")]
Start = Annotated[str, typer.Option("--start", metavar="RUN", help="start a staged run")]
RunDir = Annotated[str, typer.Option("--run-dir", metavar="DIR", help="keep the run in DIR")]
ForceFlags = Annotated[bool, typer.Option("--force-flags", help="take any flag of any type")]
Preview = Annotated[bool, typer.Option("--preview", help="show what would be run")]
Print = Annotated[bool, typer.Option("--print", help="print plumbing that does the same")]


def run(
    place: Place,
    words: Words = [],
    yes: Yes = False,
    label: Label = "",
    tag: Tags = [],
    stage: Stage = False,
    start: Start = "",
    run_dir: RunDir = "",
    force_flags: ForceFlags = False,
    preview: Preview = False,
    print_: Print = False,
    quiet: Quiet = False,
) -> int:
    """Run an operation of the project, or a script as it is."""
    if start:
        if words or label or tag or stage or run_dir:
            raise UsageError("--start runs what was staged, as it was staged")
        (row, *_) = chosen(place.home, [start], Filters(), None)
        return _start(open_run(row.run_dir, sync=sync_policy(os.environ)), quiet)
    operation, given = open_words(os.getcwd(), words)
    prepared = prepare(operation, given, force=force_flags)
    target = run_dir or os.path.join(place.home, "")
    if print_:
        sys.stdout.write(_script(words, target, label, tag, force_flags, stage))
        return 0
    if preview or (is_possible() and not yes):
        _show(prepared, sys.stdout if preview else sys.stderr)
    if preview:
        _show_files(operation, prepared, place.home)
        return 0
    if is_possible() and not yes and not confirm("Run it?", default=True):
        return 0
    if not run_dir:
        make_project_home(place.home)
    made = init_run(
        target, prepared, operation.project, label=label, tags=tag, sync=sync_policy(os.environ)
    )
    remarks: list[str] = []
    try:
        with phase(f"staging {prepared.opref}", quiet) as progress:
            stage_run(made, operation.project, progress=progress, tell=remarks.append)
    except BaseException:
        # What a hook wrote may be all that tells why; without that, nobody misses the run.
        if not has_fact(made, "output"):
            purge_run(delete_run(made))
        raise
    _say(remarks, quiet)
    if stage:
        print(made.id if not run_dir else made.run_dir)
        return 0
    return _start(made, quiet)


def _start(run: Run, quiet: bool) -> int:
    code = exec_run(run)
    remarks: list[str] = []
    with phase("finalizing", quiet) as progress:
        finalize_run(run, progress=progress, tell=remarks.append)
    _say(remarks)
    if not quiet:
        _say_end(run, code)
    return shell_exit_code(code)


def _say(remarks: Sequence[str], quiet: bool = False) -> None:
    for line in remarks if not quiet else ():
        complain("gage run", line)


def _say_end(run: Run, code: int) -> None:
    # On a terminal the run's ID is what a person needs next; a pipe gets the output alone.
    if sys.stderr.isatty():
        how = f"signal {-code}" if code < 0 else f"exit code {code}" if code else "completed"
        sys.stderr.write(f"gage: {(run.id or run.name)[:8]} {how}\n")


def _show(prepared: Prepared, to: TextIO) -> None:
    """What is about to be run: the operation and its values, those that were given marked."""
    about = description(prepared.opdef)
    to.write(shown(f"{prepared.opref}{': ' if about else ''}{about}\n"))
    width = max(map(len, prepared.config), default=0)
    for name, value in prepared.config.items():
        mark = "*" if name in prepared.given else " "
        to.write(shown(f" {mark} {name.ljust(width)}  {format_value(value)}".rstrip()) + "\n")


def _show_files(operation: Operation, prepared: Prepared, home: str) -> None:
    args = prepared.cmd.args
    command = args if isinstance(args, str) else shlex.join(args)
    print(shown(f"command: {command}"))
    rule = sourcecode_rule(operation.opdef)
    selection = select_sourcecode(operation.project, rule, runs_home=home)
    print(shown(f"source code of {operation.project}:"))
    for source in selection.sources:
        print(shown(f"   {source.path}"))
    for dependency in dependencies(operation.opdef):
        print(shown(f"depends on {_spelled(dependency)}"))
    for left in selection.left_out:
        print(shown(f"left out: {left.path}: {left.reason}"))


def _spelled(dependency: Dependency) -> str:
    files = " ".join(dependency.files) or "what it generated"
    if not dependency.run:
        return files
    return f"{files} of the newest {dependency.status} run of {dependency.run}"


def _script(
    words: Sequence[str],
    target: str,
    label: str,
    tags: Sequence[str],
    force_flags: bool,
    stage: bool,
) -> str:
    options = ["-C", os.getcwd()]
    options += ["--force-flags"] if force_flags else []
    options += ["--label", label] if label else []
    options += [word for tag in tags for word in ("--tag", tag)]
    # A trailing slash asks for an ID, and abspath would take it away.
    target = os.path.abspath(target) + ("/" if target.endswith("/") else "")
    init = shlex.join(["gage-init", *options, target, *words])
    lines = [f"run=$({init}) || exit 125", 'gage-stage "$run" || exit 125']
    if stage:
        lines += ['echo "$run"']
    else:
        lines += ['gage-exec "$run"', "code=$?", 'gage-finalize "$run" || exit 125', "exit $code"]
    return "".join(line + "\n" for line in ["#!/bin/sh", *lines])
