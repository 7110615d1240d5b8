"""gage run: make a run of an operation, from the values to the exit code, in one go.

It composes init, stage, exec and finalize, and nothing else: the script that ``--print``
prints does the same.
"""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from gage.batch import prepare_all
from gage.batch_file import read_batch_file
from gage.cli import complain, print_records
from gage.durable import sync_policy
from gage.equal_runs import find_equal
from gage.errors import UsageError
from gage.filters import Filters
from gage.given_secrets import hide_secrets
from gage.home import make_project_home
from gage.listing import read_rows
from gage.opdef import is_batch
from gage.operation import Operation, Prepared, open_words
from gage.porcelain.asking import DECLINED, confirm, is_possible
from gage.porcelain.choosing import listed, select_one
from gage.porcelain.options import (
    Clean,
    ForceSource,
    Jobs,
    Label,
    Needed,
    Place,
    Quiet,
    Raw,
    Tags,
    Trust,
    Yes,
    believe,
)
from gage.porcelain.phase import phase
from gage.porcelain.preview import planned_parts, show_files, show_values
from gage.porcelain.restart import restart_run
from gage.porcelain.secret_values import shown_words, with_required
from gage.porcelain.starting import How, say, start_staged
from gage.porcelain.verbs import init_run, stage_run
from gage.run import Run, has_fact, open_run
from gage.secret import secret_variables
from gage.staging import abandon
from gage.step_options import AS_USUAL, VARIABLE, StepOptions, format_options

Words = Annotated[list[str], typer.Argument(metavar="[OPERATION|FILE] [NAME=VALUE]...")]
Stage = Annotated[bool, typer.Option("--stage", help="stage it, and start it later")]
Batch = Annotated[str, typer.Option("--batch", metavar="FILE", help="a trial for each row of it")]
Restart = Annotated[
    str | None, typer.Option("--restart", metavar="RUN", help="as gage restart RUN")
]
Start = Annotated[str | None, typer.Option("--start", metavar="RUN", help="start a staged run")]
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
    batch: Batch = "",
    stage: Stage = False,
    start: Start = None,
    restart: Restart = None,
    needed: Needed = False,
    clean: Clean = False,
    force_sourcecode: ForceSource = False,
    jobs: Jobs = 0,
    run_dir: RunDir = "",
    force_flags: ForceFlags = False,
    preview: Preview = False,
    print_: Print = False,
    quiet: Quiet = False,
    raw: Raw = False,
    trust: Trust = False,
) -> int:
    """Run an operation of the project, or a script as it is."""
    believe(trust)
    options = StepOptions(needed, clean, force_sourcecode, jobs or None)
    how = How(options if restart is not None else StepOptions(jobs=jobs or None), quiet, raw)
    anew = label or tag or batch or stage or run_dir or force_flags or preview or print_
    if start is not None:
        if anew or words or restart is not None or needed or clean or force_sourcecode:
            raise UsageError("--start runs what was staged, as it was staged")
        row = select_one(place.home, listed(place.home, Filters()), start)
        return start_staged(open_run(row.run_dir, sync=sync_policy(os.environ)), how)
    if restart is not None:
        if anew:
            raise UsageError(
                "--restart runs again what was staged", "gage runs label changes a label"
            )
        return restart_run(place, restart, words, how, yes)
    if clean or force_sourcecode:
        raise UsageError("--clean and --force-sourcecode go with --restart")
    hidden = hide_secrets(*open_words(os.getcwd(), words), os.environ)
    if not (print_ or preview):
        hidden = with_required(hidden)
    operation, given, secrets = hidden
    environ = {**os.environ, **secrets}
    file = read_batch_file(batch) if batch else None
    prepared = prepare_all(operation, given, force=force_flags, file=file)
    target = run_dir or os.path.join(place.home, "")
    variables = secret_variables(operation.opdef)
    words = shown_words(words, variables)
    init_words = partial(_init_words, words, label, tag, batch, force_flags, trust)
    # What is needed of a batch is told for each of its trials, when their turn comes.
    trials = is_batch(prepared.opdef)
    if trials:
        how = how._replace(options=how.options._replace(needed=needed))
    if stage and how.options != AS_USUAL:
        raise UsageError(
            "how steps are run is said when it is started", "gage run --start RUN -j N"
        )
    if print_:
        if needed and not trials:
            raise UsageError("no plumbing does the same with --needed", "gage run -n does it")
        needed_variables = [variables[name] for name in given if name in variables]
        sys.stdout.write(_script(init_words(target), stage, how, needed_variables))
        return 0
    if preview or (is_possible() and not yes):
        to = sys.stdout if preview else sys.stderr
        parts = planned_parts(operation, prepared, environ)
        show_values(parts, to)
        to.writelines(line + "\n" for line in _changes(operation, prepared, place.home))
    if preview:
        show_files(parts, place.home)
        return 0
    if is_possible() and not yes and not confirm("Run it?", default=True):
        return DECLINED
    if not run_dir:
        make_project_home(place.home)
    begin = partial(
        init_run,
        target,
        prepared,
        operation.project,
        words=init_words,
        label=label,
        tags=tag,
        sync=sync_policy(os.environ),
    )
    made = _staged(begin, operation.project, environ, quiet)
    if needed and not trials and (equal := find_equal(made, read_rows(made.home))):
        abandon(made)
        if not quiet:
            complain("gage run", f"not needed: {equal.id or equal} is the same and completed")
        return 0
    if stage:
        print_records([made.run_dir if run_dir else made.id])
        return 0
    return start_staged(made, how, environ=environ)


def _staged(begin: Callable[[], Run], project: str, environ: Mapping[str, str], quiet: bool) -> Run:
    """The run that *begin* makes, staged; where that fails there is none, but for its output."""
    run = begin()
    remarks: list[str] = []
    try:
        with phase(f"staging {run.opref}", quiet) as progress:
            stage_run(run, project, environ=environ, progress=progress, tell=remarks.append)
    except BaseException:
        # What a hook wrote may be all that tells why; without that, nobody misses the run.
        if not has_fact(run, "output"):
            abandon(run)
        raise
    say(remarks, quiet)
    return run


def _changes(operation: Operation, prepared: Prepared, home: str) -> list[str]:
    from gage.porcelain.changes import change_lines

    return change_lines(operation, prepared, home)


def _init_words(
    words: Sequence[str],
    label: str,
    tags: Sequence[str],
    batch: str,
    force_flags: bool,
    trust: bool,
    target: str,
) -> list[str]:
    """The words of the gage-init that would begin this run at *target*."""
    options = ["-C", os.getcwd()]
    options += ["--trust"] if trust else []
    options += ["--force-flags"] if force_flags else []
    options += ["--batch", os.path.abspath(batch)] if batch else []
    options += ["--label", label] if label else []
    options += [word for tag in tags for word in ("--tag", tag)]
    # A trailing slash asks for an ID, and abspath would take it away.
    target = os.path.abspath(target) + ("/" if target.endswith("/") else "")
    return ["gage-init", *options, target, *words]


def _script(init_words: Sequence[str], stage: bool, how: How, secrets: Sequence[str]) -> str:
    init = shlex.join(init_words)
    quiet = " -q" if how.quiet else ""
    steps = f"{VARIABLE}={shlex.quote(said)} " if (said := format_options(how.options)) else ""
    lines = [
        f'[ "${variable}" ] || {{ echo "{variable}: not set" >&2; exit 125; }}'
        for variable in secrets
    ]
    lines += [f"run=$({init}) || exit 125", f'gage-stage{quiet} "$run" || exit 125']
    if stage:
        lines += ["printf '%s\\n' \"$run\""]
    else:
        # Where the disk is full, the command has run all the same, and its end is noted.
        finalize = 'gage-finalize "$run" || [ $? -eq 12 ] || exit 125'
        lines += [f'{steps}gage-exec{quiet} "$run"', "code=$?", finalize, "exit $code"]
    return "".join(line + "\n" for line in ["#!/bin/sh", *lines])
