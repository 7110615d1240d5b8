"""gage-run-steps: execute and finalize the steps of a pipeline."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from gage import clock, process_tree
from gage.cli import command, guarded, parser_for, said, shell_exit_code
from gage.clock import Clock
from gage.durable import sync_policy
from gage.equal_runs import find_equal
from gage.errors import GageError, StateError, SystemRefusedError, UsageError, refused
from gage.expectations import unmet_expectations
from gage.facts import log_action
from gage.job_slots import MOST_JOBS, JobSlots
from gage.listing import read_rows
from gage.locks import holding
from gage.opdef import is_batch
from gage.pipeline import NamedStep, in_step, is_pipeline, link_step
from gage.plumbing.exec import exec_run
from gage.plumbing.finalize import finalize_run
from gage.plumbing.reopen import reopen_run
from gage.plumbing.stage import stage_run
from gage.process_tree import Tree
from gage.progress import Tell
from gage.recorded import recorded_config, recorded_opdef, recorded_opref, recorded_project
from gage.row import read_row
from gage.run import Run, has_fact, open_run, read_fact
from gage.signals import told_of_children
from gage.staging import abandon
from gage.status import exit_note
from gage.step_options import AS_USUAL, VARIABLE, StepOptions, format_options
from gage.step_plan import PlannedStep, is_behind, plan_steps, shown_name
from gage.step_processes import StepProcesses
from gage.step_runs import begin_step, links_of, prepare_steps
from gage.step_secrets import check_secrets, step_environ
from gage.upstream import take_anew


class _Work(NamedTuple):
    """A pipeline whose steps are run, and who is told of it."""

    parent: Run
    options: StepOptions
    environ: Mapping[str, str]
    say: Tell
    now: Clock


def run_steps(
    parent: Run,
    options: StepOptions = AS_USUAL,
    *,
    environ: Mapping[str, str] | None = None,
    say: Tell,
    now: Clock = clock.now,
) -> int:
    """Run the steps that are linked to *parent*; returns 0 or the first exit code that is not,
    or -N where signal N reached us, and all steps that ran.

    *say* hears which step begins and what there is to tell. Raises GageErrors that name the
    step, those that can be foreseen before any step runs, all others when no step runs any
    more. It forks and handles signals, so that it is for a process with a single thread.
    """
    if has_fact(parent, "proc", "exit"):
        raise StateError(f"{parent}: has ended", f"gage-resume {parent}, or gage-reopen {parent}")
    work = _Work(parent, options, os.environ if environ is None else environ, say, now)
    waiting = plan_steps(
        parent,
        needed=options.needed,
        force_sourcecode=options.force_sourcecode,
        environ=work.environ,
    )
    if not waiting:
        raise StateError(f"{parent}: has no steps", f"gage-link-steps {parent} STEP_DIR...")
    check_secrets(parent, work.environ, completed=not options.needed)
    runs: dict[str, tuple[NamedStep, Run]] = {}
    done: set[str] = set()
    failed = 0
    # The trials of a batch are nothing to each other: all are run, whatever becomes of one.
    goes_on = is_batch(recorded_opdef(parent))
    trouble: GageError | None = None
    with (
        JobSlots(options.jobs, work.environ) as slots,
        told_of_children(),
        StepProcesses(apart=slots.many) as processes,
    ):
        while True:
            step = None
            try:
                over = trouble or (failed and not goes_on)
                while step := _next(waiting, done, over or processes.stopped_by):
                    if not slots.take():
                        break
                    waiting.remove(step)
                    name = step.named.name
                    run = _begun(work, step, slots, processes)
                    if run is None:
                        slots.give_back()
                        done.add(name)
                    else:
                        runs[name] = step.named, run
            except (GageError, OSError) as error:
                slots.give_back()
                trouble = trouble or _in_step(name, error)
                continue
            if not len(processes):
                break
            if ended := processes.wait(slots.waiting_on if step else []):
                slots.give_back()
                name, runner_code = ended
                try:
                    code = _ended(work, *runs[name], runner_code)
                except (GageError, OSError) as error:
                    trouble = trouble or _in_step(name, error)
                    continue
                failed = failed or code
                done |= set() if code else {name}
    if processes.stopped_by:
        return -processes.stopped_by
    if trouble:
        raise trouble
    return failed


def _in_step(name: str, error: GageError | OSError) -> GageError:
    return in_step(name, error if isinstance(error, GageError) else refused(error))


def _next(waiting: Sequence[PlannedStep], done: set[str], over: object) -> PlannedStep | None:
    if over:
        return None
    return next((step for step in waiting if set(step.named.needs) <= done), None)


def _begun(work: _Work, step: PlannedStep, slots: JobSlots, processes: StepProcesses) -> Run | None:
    """The run of *step*, under way unless a signal has stopped us; None where none is needed."""
    run = _made_ready(work, step)
    if run is not None:
        environ = _environ(work, step.named, run, slots)
        processes.start(
            step.named.name,
            lambda: guarded("gage-exec", lambda: _execute(work, run, environ), runner=True),
        )
    return run


def _execute(work: _Work, run: Run, environ: Mapping[str, str]) -> int:
    """Execute and finalize the run of a step, in a process of its own."""
    code = exec_run(run, environ=environ, reaper=True, tell=work.say)
    try:
        finalize_run(run, code, environ=environ, tell=work.say, now=work.now)
    except SystemRefusedError:
        pass  # tried once more, and then said, by whoever started us
    return shell_exit_code(code)


def _made_ready(work: _Work, step: PlannedStep) -> Run | None:
    """The run to execute for *step*, staged; None where there is nothing to do."""
    parent, named, action = work.parent, step.named, step.action
    if action == "leave":
        return None
    if action == "make":
        run = _made(work, named)
    else:
        run = open_run(step.link.run_dir, sync=parent.sync)
        if action == "restart if stale" and not is_behind(run):
            return None
        if action == "stage":
            project = recorded_project(run) or os.getcwd()
            environ = step_environ(named, parent, recorded_opdef(run), work.environ)
            stage_run(run, project, environ=environ, tell=work.say, now=work.now)
        else:
            _reopen(work, step, run)
    environ = step_environ(named, parent, recorded_opdef(run), work.environ)
    take_anew(run, environ=environ, tell=work.say, now=work.now)
    again = action.startswith("restart")
    batch = is_batch(recorded_opdef(run))
    needed = named.step.needed or (named.is_trial and work.options.needed)
    if needed and not again and not batch and (equal := _equal(work, named, run)):
        link_step(parent, named.name, equal.run_dir)
        abandon(run)
        return None
    row = read_row(run.home, run.name)
    verb, what = ("restarting", run.id[:8]) if again else ("running", row.operation)
    line = f"{verb} {shown_name(named) or named.name}: {what} {row.settings}".rstrip()
    work.say(f"INFO: [gage] {line}")
    return run


def _reopen(work: _Work, step: PlannedStep, run: Run) -> None:
    """Let the run of a step be staged, with its new values, where it is not already."""
    options = work.options
    changes = step.given or options.clean or options.force_sourcecode
    if has_fact(run, "staged") and not has_fact(run, "started") and not changes:
        return
    environ = step_environ(step.named, work.parent, recorded_opdef(run), work.environ)
    if has_fact(run, "started") and not has_fact(run, "proc", "exit"):
        finalize_run(run, environ=environ, tell=work.say, now=work.now)
    reopen_run(
        run,
        step.given,
        clean=options.clean,
        force_sourcecode=options.force_sourcecode,
        step=step.named.step if step.named.step.operation else None,
        environ=environ,
        tell=work.say,
        now=work.now,
    )


def _made(work: _Work, named: NamedStep) -> Run:
    """A new run for a step that has none."""
    parent = work.parent
    opdef = recorded_opdef(parent)
    project = recorded_project(parent) or os.getcwd()
    config = recorded_config(parent)
    (prepared,) = prepare_steps(
        *(recorded_opref(parent), opdef, config, project, [named.name]), environ=work.environ
    )
    run = begin_step(parent, prepared, links_of(parent, opdef), work.now)
    environ = step_environ(named, parent, prepared.prepared.opdef, work.environ)
    stage_run(run, prepared.project, environ=environ, tell=work.say, now=work.now)
    return run


def _equal(work: _Work, named: NamedStep, run: Run) -> Run | None:
    """A run of the pipeline, or of any, that is what *run* would be and is as expected."""
    rows = read_rows(run.home)
    if named.step.isolate_runs:
        rows = [row for row in rows if row.parent == work.parent.id]
    equal = find_equal(run, rows)
    return equal if equal and not unmet_expectations(equal, named.step.expect) else None


def _environ(work: _Work, named: NamedStep, run: Run, slots: JobSlots) -> dict[str, str]:
    """The environment for the runner of a step: the options are for pipelines alone."""
    opdef = recorded_opdef(run)
    environ = step_environ(named, work.parent, opdef, work.environ) | slots.environ
    environ.pop(VARIABLE, None)
    if is_pipeline(opdef):
        needed = work.options.needed or (named.step.needed and is_batch(opdef))
        environ[VARIABLE] = format_options(work.options._replace(needed=needed, jobs=None))
    return environ


def _ended(work: _Work, named: NamedStep, run: Run, runner_code: int) -> int:
    """What became of the run of a step: 0 where it is as expected. Finalizes it where its
    own process, killed, could not; where that cannot be done, a step that failed has still
    done so, and for one that did not SystemRefusedError is raised; LockedError where it is
    another's, who runs it.
    """
    if not has_fact(run, "started"):
        return shell_exit_code(runner_code) or 125
    if not has_fact(run, "proc", "exit"):
        with holding(run, finishing=True):
            ended = process_tree.end_members(Tree(run, process_tree.NO_ROOT))
        for member in ended:
            what = f"{member.pid} {member.command}"
            with suppress(OSError):
                log_action(run, f"ended what the command left behind: {what}", work.now)
        environ = step_environ(named, work.parent, recorded_opdef(run), work.environ)
        try:
            finalize_run(run, environ=environ, tell=work.say, now=work.now)
        except SystemRefusedError as error:
            if not (noted := exit_note(run)):
                raise
            work.say(f"ERROR: [gage] step {named.name}: {error.message}")
            return shell_exit_code(noted)
    complaints = unmet_expectations(run, named.step.expect)
    if not complaints:
        return 0
    if named.step.expect:
        for line in complaints:
            work.say(f"ERROR: [gage] step {named.name}: {line}")
    return shell_exit_code(int(read_fact(run, "proc", "exit") or 1)) or 1


def parser() -> argparse.ArgumentParser:
    """The command line of gage-run-steps."""
    p = parser_for("gage-run-steps", "Execute and finalize the steps of a pipeline.")
    p.add_argument("parent_dir", metavar="PARENT_DIR")
    p.add_argument("-j", "--jobs", type=int, metavar="N", help="so many steps side by side")
    p.add_argument("--needed", action="store_true", help="leave runs that would be the same")
    p.add_argument("--clean", action="store_true", help="remove what runs generated first")
    p.add_argument("--force-sourcecode", action="store_true", help="stage the project as it is now")
    return p


@command("gage-run-steps", runner=True)
def main(argv: Sequence[str]) -> int:
    """Run the steps of a pipeline."""
    args = parser().parse_args([*os.environ.get(VARIABLE, "").split(), *argv])
    if args.jobs is not None and not 1 <= args.jobs <= MOST_JOBS:
        raise UsageError(f"-j {args.jobs}: expected 1 to {MOST_JOBS}")
    parent = open_run(args.parent_dir, sync=sync_policy(os.environ))
    code = run_steps(
        parent,
        StepOptions(args.needed, args.clean, args.force_sourcecode, args.jobs),
        say=_say,
    )
    if code < 0:
        # The run of the pipeline was not in error, it was terminated.
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return shell_exit_code(code)


def _say(line: str) -> None:
    try:
        print(said(line), file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody is there to be told, and the steps run for their own runs
