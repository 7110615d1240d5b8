"""A hook: a command of the operation that runs while a run is staged or finalized.

Its output is kept as that of the run's command is, and is read-only when the hook has ended.
"""

import os
from collections.abc import Mapping, Sequence

from gage import clock
from gage.capture import LEFT_GRACE, Capture
from gage.clock import Clock
from gage.echo import Echo
from gage.environment import run_environment, secret_values
from gage.facts import log_action
from gage.locks import take
from gage.output import OutputFile
from gage.process import (
    Child,
    argv_of,
    open_gate,
    reap,
    signal_group,
    start_behind_gate,
)
from gage.process_tree import Tree, reaping
from gage.run import Run, lock_path, remove_beside_locks
from gage.signals import Stopping


def run_hook(
    run: Run,
    args: Sequence[str] | str,
    name: str,
    *,
    environ: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
    now: Clock = clock.now,
    echo: bool = False,
) -> int:
    """Run the hook *args* in the run dir; returns its exit code, or -N for signal N.

    *name* is that of its output, ``10_sourcecode``; *environ* is the caller's environment
    and *extra* holds variables for the hook alone. With *echo* its output is passed on, too.
    What interrupts us ends it. Raises OSError where it cannot be started at all.
    """
    env = run_environment(run, environ, **(extra or {}))
    secrets = secret_values(run, env)
    script = f"{name}.script"
    output = OutputFile(run, name, now)
    try:
        lock = take(run, "tree")
        with reaping() as reaper:
            try:
                argv = argv_of(args, lock_path(run, script))
                child = start_behind_gate(argv, cwd=run.run_dir, env=env, lock=lock)
            finally:
                os.close(lock)
            open_gate(child)
            tree = Tree(run, child.pid, reaper, secrets=secrets)
            left_behind = _see_through(tree, child, output, echo)
            code = reap(child)
    finally:
        output.close(run.sync, seal=True)
        remove_beside_locks(run, script)
    for process in left_behind:
        log_action(run, f"ended what the hook left behind: {process}", now)
    if complaint := output.complaint():
        log_action(run, complaint, now)
    return code


def _see_through(tree: Tree, child: Child, output: OutputFile, echo: bool) -> tuple[str, ...]:
    stopping = Stopping(lambda signum: signal_group(child, signum), LEFT_GRACE)
    echoed = Echo({"o": 1, "e": 2} if echo else {}, lambda: None)

    def sink(stream: str, data: memoryview) -> None:
        output.write(stream, data)
        echoed.write(stream, data)

    capture = Capture(child, tree, sink, stopping)
    try:
        return capture.run().left_behind
    except BaseException:
        stopping.end()
        capture.run()
        reap(child)
        raise
