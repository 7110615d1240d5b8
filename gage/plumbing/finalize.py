"""gage-finalize: record how a run ended, and seal it."""

import argparse
import os
from collections.abc import Mapping, Sequence

from gage import clock
from gage.cli import command, complain, parser_for
from gage.clock import Clock
from gage.durable import put, sync_policy
from gage.errors import StateError, SystemRefusedError, UsageError
from gage.facts import log_action, put_fact, put_json, remove_fact
from gage.files_log import FileEvent, append_events, entered, read_events
from gage.headroom import IN_HOOK, give_headroom
from gage.locks import holding
from gage.manifest import (
    GENERATED,
    Changes,
    Entry,
    compare,
    format_manifest,
    read_manifest,
    sparse_algorithms,
)
from gage.opdef import OpDef, digest_algorithm, phases
from gage.output import FINALIZE, RUN
from gage.output_index import cut_index
from gage.process_tree import check_no_survivors
from gage.progress import Progress, Tell, ignore, unheard
from gage.recorded import recorded_config, recorded_opdef
from gage.run import Run, open_run, read_fact, remove_beside_locks, run_meta_path, tmp_dir
from gage.sealing import Sealed, seal_facts, seal_run_dir
from gage.stamps import put_stamp
from gage.status import exit_note, expect, run_status
from gage.summary import read_summary

RUNNER_DIED = -9
_EXIT_CODES = range(-64, 256)
"""What wait(2) can tell of a command: the signals, and what exit(2) takes."""


def finalize_run(
    run: Run,
    exit_code: int | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    progress: Progress = ignore,
    tell: Tell = unheard,
    now: Clock = clock.now,
) -> None:
    """Finish *run*; *tell* hears what goes wrong on the way and does not stop it.

    *exit_code* is the command's, ``-n`` for signal n; without it, what exec noted is
    recorded, or -9 where the runner died. ``proc/exit`` is written last, and repeating
    does no harm. Raises UsageError for a code that no command has, StateError where the run
    was not started or has ended otherwise, LockedError while something of it still runs,
    SystemRefusedError where the disk is full or fails, and then it can be repeated when that
    is mended.
    """
    if exit_code is not None and exit_code not in _EXIT_CODES:
        raise UsageError(
            f"{exit_code}: no exit code of a command",
            "0 to 255, or -1 to -64 for the signal that killed it",
        )
    environ = os.environ if environ is None else environ
    try:
        lines = _finalize_held(run, exit_code, environ, progress, now)
    except (OSError, MemoryError) as error:
        # Where the run is gone, nothing is left to be done.
        hint = f"mend that, then gage-finalize {run}" if os.path.isdir(run.meta_dir) else ""
        why = error.strerror if isinstance(error, OSError) else "out of memory"
        raise SystemRefusedError(f"{run}: not finalized: {why}", hint) from None
    for line in lines:
        tell(line)


def _finalize_held(
    run: Run, exit_code: int | None, environ: Mapping[str, str], progress: Progress, now: Clock
) -> list[str]:
    if not os.path.isdir(run.meta_dir):
        expect(run, "exited")  # nothing is to appear where the run, or its disk, has gone
    with holding(run, finishing=True):
        check_no_survivors(run)
        if (recorded := read_fact(run, "proc", "exit")) is not None:
            if run_status(run) == "unknown":
                expect(run, "completed")
            if exit_code is not None and recorded != str(exit_code):
                raise StateError(f"{run}: already finished, with exit code {recorded}")
            noted = exit_note(run)
            if noted is not None and recorded != str(noted):
                raise StateError(
                    f"{run}: finished with {recorded}, and its command ended with {noted}",
                    f"gage-fsck {run}",
                )
            _tidy(run)
            return []
        if run_status(run) not in ("exited", "terminated"):
            expect(run, "running", hint=f"gage-exec {run}")
        noted = exit_note(run)
        if exit_code is None:
            exit_code = RUNNER_DIED if noted is None else noted
        elif noted not in (None, exit_code):
            raise StateError(f"{run}: its command ended with {noted}", f"gage-finalize {run}")
        give_headroom(run, IN_HOOK)
        lost = cut_index(run, RUN) if noted is None else 0
        lines = [f"{lost} bytes of output are lost: they were not on the disk yet"] if lost else []
        for line in lines:
            log_action(run, line, now)
        lines += _finalize(run, exit_code, environ, progress, now)
        return [f"{run}: {line}" for line in lines]


def _finalize(
    run: Run, code: int, environ: Mapping[str, str], progress: Progress, now: Clock
) -> list[str]:
    opdef = recorded_opdef(run)
    trouble = _run_hook(run, opdef, environ, now)
    staged = [entry for entry in read_manifest(run) if entry.type != GENERATED]
    sealed = seal_run_dir(
        run.run_dir,
        {},
        digest_algorithm(opdef),
        algorithms=sparse_algorithms(staged),
        sync=run.sync,
        progress=progress,
    )
    trouble += [f"{skipped.path}: skipped: {skipped.reason}" for skipped in sealed.skipped]
    changes = compare(staged, {file.path: file.digest for file in sealed.files})
    went_in = {entry.path for entry in staged} - {*changes.modified, *changes.deleted}
    summary = read_summary(run, opdef, went_in)
    trouble += summary.complaints
    give_headroom(run)
    _record_files(run, staged, sealed.files, changes)
    if summary.metrics or summary.attributes:
        value = {"attributes": summary.attributes, "metrics": summary.metrics}
        put_json(run, "summary.json", value=value)
    else:
        remove_fact(run, "summary.json")  # a finalize that was stopped may have left one
    for line in trouble:
        log_action(run, line, now)
    log_action(run, f"finalized with exit code {code}", now)
    seal_facts(run.meta_dir, sync=run.sync)
    put_stamp(run, "stopped", now)
    put_fact(run, "proc", "exit", text=str(code))
    _tidy(run)
    return trouble


def _run_hook(run: Run, opdef: OpDef, environ: Mapping[str, str], now: Clock) -> list[str]:
    if "finalize" not in phases(opdef):
        return []
    from gage.command import phase_command
    from gage.hook import run_hook

    args = phase_command(opdef, "finalize", recorded_config(run))
    if args is None:
        return []
    log_action(run, "running the hook finalize", now)
    try:
        code = run_hook(run, args, FINALIZE, environ=environ, now=now)
    except OSError as error:
        return [f"the hook finalize could not start: {error.strerror}"]
    return [f"the hook finalize failed with exit code {code}"] if code else []


def _record_files(
    run: Run, staged: Sequence[Entry], files: Sequence[Sealed], changes: Changes
) -> None:
    """Complete the manifest and the log of files; what went in keeps the digest it had then."""
    types = {entry.path: entry.type for entry in staged}
    mtimes = {file.path: file.mtime for file in files}
    # An earlier attempt, or a finalize that was stopped, may have told of them already.
    logged = set(read_events(run))
    there = entered(run)
    events = [
        *(FileEvent("d", types[path], None, path) for path in changes.deleted),
        *(FileEvent("m", types[path], mtimes[path], path) for path in changes.modified),
        *(
            FileEvent("m" if path in there else "a", GENERATED, mtimes[path], path)
            for path in changes.added
            if FileEvent("a", GENERATED, mtimes[path], path) not in logged
        ),
    ]
    append_events(run, [event for event in events if event not in logged])
    digests = {file.path: file.digest for file in files}
    generated = [Entry(GENERATED, digests[path], path) for path in changes.added]
    manifest = format_manifest([*staged, *generated])
    put(tmp_dir(run), run_meta_path(run, "manifest"), manifest, sync=run.sync)


def _tidy(run: Run) -> None:
    """Remove what only a run that is not finished needs."""
    remove_fact(run, "proc", "lock")
    remove_beside_locks(run, "exit.note", run.sync)


def parser() -> argparse.ArgumentParser:
    """The command line of gage-finalize."""
    p = parser_for("gage-finalize", "Record how a run ended, and seal it.")
    p.add_argument("run_dir", metavar="RUN_DIR")
    p.add_argument("--exit-code", type=int, metavar="N", help="the exit code of the command")
    return p


@command("gage-finalize")
def main(argv: Sequence[str]) -> int:
    """Finalize a run."""
    args = parser().parse_args(argv)
    run = open_run(args.run_dir, sync=sync_policy(os.environ))
    finalize_run(run, args.exit_code, tell=lambda line: complain("gage-finalize", line))
    return 0
