"""Processes that are stopped, killed, starved, or that will not be told: the run stays true."""

import os
import pty
import re
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest

from gage.locks import is_held
from gage.run import read_fact, run_meta_path
from gage.status import run_status
from tests.faults.place import (
    define,
    ended,
    is_suspended,
    mostly_long,
    quick,
    runs,
    staged,
    state_of,
    statuses,
    under_way,
    until_gone,
    when_ready,
)
from tests.programs import (
    QUICK,
    is_alive,
    nobody_can_run,
    open_place,
    program,
    read,
    wait_until,
    write,
)

READY = "echo $$ > ready; "
"""The beginning of a script that tells its process ID when it runs."""

FOREVER = f"{READY} while :; do sleep 0.05; done"


def log_of(run):
    return read_fact(run, "log", "runner") or ""


# Stopped


def test_a_stopped_runner_is_running_and_nobody_waits_for_it(tmp_path):
    define(tmp_path, op=f"{READY} while test ! -e go; do sleep 0.02; done; echo done")
    way = under_way(tmp_path, "gage", "run")
    os.kill(way.process.pid, signal.SIGSTOP)
    wait_until(lambda: is_suspended(way.process.pid))
    name = way.run.name
    for words in (["runs"], ["show", name], ["log", name], ["ls", name], ["select", name]):
        assert quick(*words, cwd=tmp_path).code == 0, words
    assert quick("status", str(way.run)).out == "running\n"
    assert quick("restart", "-y", name, cwd=tmp_path).code == 11
    assert quick("finalize", str(way.run)).code == 11
    write(f"{way.run}/go", "")
    until_gone(way.ready)
    # The command has ended, and nobody has noted it yet.
    assert run_status(way.run) == "running"
    os.kill(way.process.pid, signal.SIGCONT)
    assert ended(way.process) == ("done\n", "", 0)
    assert run_status(way.run) == "completed"


def test_a_command_that_stops_itself_is_running_and_goes_on(tmp_path):
    define(tmp_path, op=f"{READY} kill -STOP $$; echo went on; exit 3")
    way = under_way(tmp_path, "gage", "run")
    wait_until(lambda: is_suspended(way.ready))
    assert run_status(way.run) == "running"
    os.kill(int(way.ready), signal.SIGCONT)
    assert ended(way.process) == ("went on\n", "", 3)


def test_a_command_that_stopped_itself_can_be_stopped_for_good(tmp_path):
    define(tmp_path, op=f"{READY} kill -STOP $$; echo never")
    way = under_way(tmp_path, "gage", "run")
    wait_until(lambda: is_suspended(way.ready))
    assert quick("status", str(way.run)).out == "running\n"
    way.process.send_signal(signal.SIGTERM)
    way.process.send_signal(signal.SIGCONT)
    assert ended(way.process).code == 143
    assert run_status(way.run) == "terminated"


@contextmanager
def cgroup(controller, **settings):
    """A control group of version 1; the test is skipped where there is none to be had."""
    path = f"/sys/fs/cgroup/{controller}/gage-test-{os.getpid()}"
    try:
        os.mkdir(path)
        for name, value in settings.items():
            with open(f"{path}/{controller}.{name}", "w") as file:
                file.write(str(value))
    except OSError:
        if os.path.isdir(path):
            os.rmdir(path)
        pytest.skip(f"no control group of {controller} can be made here")
    try:
        yield path
    finally:
        try:
            if controller == "freezer":
                write_to(path, "freezer.state", "THAWED")
            for pid in read(f"{path}/cgroup.procs").split():
                os.kill(int(pid), signal.SIGKILL)
            wait_until(lambda: not read(f"{path}/cgroup.procs"))
        finally:
            os.rmdir(path)


def write_to(path, name, value):
    with open(os.path.join(path, name), "w") as file:
        file.write(str(value))


def within(path, *words):
    """The words that run *words* as members of the control group at *path*."""
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', path, *words]


def test_a_frozen_run_is_running_and_thaws(tmp_path):
    define(tmp_path, op=f"{READY} while test ! -e go; do sleep 0.02; done; exit 3")
    with cgroup("freezer") as group:
        way = under_way(tmp_path, *within(group, "gage", "run"))
        write_to(group, "freezer.state", "FROZEN")
        wait_until(lambda: read(f"{group}/freezer.state") == "FROZEN\n")
        assert quick("runs", "-s", cwd=tmp_path).out == "[1]  op  running\n"
        assert quick("finalize", str(way.run)).code == 11
        write(f"{way.run}/go", "")
        write_to(group, "freezer.state", "THAWED")
        assert ended(way.process).code == 3
        assert run_status(way.run) == "error"


def on_terminal(cwd, *words):
    """Start *words* in a session of their own, whose terminal is the second that is given."""
    child, terminal = pty.fork()
    if child == 0:
        try:
            os.chdir(cwd)
            os.environ.update(QUICK)
            # Who runs these tests may do so by nohup(1).
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.execvp(words[0], words)
        finally:
            os._exit(70)
    return child, terminal


def code_of(child):
    """How *child* ended; it has a minute."""
    for _ in range(6000):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("it never ended")


def test_control_z_suspends_the_steps_of_a_pipeline_and_they_go_on(tmp_path):
    define(
        tmp_path,
        op=f"{READY} while test ! -e go; do sleep 0.02; done; echo went on",
        all=["op", "{run: op, needs: []}"],
    )
    child, terminal = on_terminal(tmp_path, "gage", "run", "-y", "-q", "-j", "2", "all")
    wait_until(lambda: len([run for run in runs(tmp_path) if os.path.exists(f"{run}/ready")]) == 2)
    steps = [run for run in runs(tmp_path) if os.path.exists(f"{run}/ready")]
    wait_until(lambda: all(read(f"{run}/ready") for run in steps))
    commands = [read(f"{run}/ready").strip() for run in steps]
    os.write(terminal, b"\x1a")
    wait_until(lambda: all(is_suspended(pid) for pid in (child, *commands)))
    assert statuses(tmp_path) == ["running all", "running op", "running op"]
    for run in steps:
        write(f"{run}/go", "")
    os.kill(child, signal.SIGCONT)
    assert code_of(child) == 0
    os.close(terminal)
    assert statuses(tmp_path) == ["completed all", "completed op", "completed op"]
    assert {read(run_meta_path(run, "output", "40_run")) for run in steps} == {"went on\n"}


def test_steps_that_are_run_by_hand_are_suspended_with_who_runs_them(tmp_path):
    define(tmp_path, op=f"{READY} while test ! -e go; do sleep 0.02; done", all=["op"])
    assert quick("run", "--stage", "all", cwd=tmp_path).code == 0
    (parent,) = [run for run in runs(tmp_path) if str(run.opref) == "all"]
    way = under_way(tmp_path, "gage-run-steps", str(parent))
    way.process.send_signal(signal.SIGTSTP)
    wait_until(lambda: is_suspended(way.process.pid) and is_suspended(way.ready))
    assert run_status(way.run) == "running"
    write(f"{way.run}/go", "")
    way.process.send_signal(signal.SIGCONT)
    assert ended(way.process).code == 0
    assert run_status(way.run) == "completed"


# The terminal goes


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("op", ["terminated op"]),
        ("all", ["staged last", "terminated all", "terminated op"]),
    ],
)
def test_a_terminal_that_goes_ends_the_run_and_it_is_finalized(tmp_path, operation, expected):
    define(tmp_path, op=FOREVER, last="true", all=["op", "last"])
    child, terminal = on_terminal(tmp_path, "gage", "run", "-y", operation)
    run, command = when_ready(tmp_path)
    os.close(terminal)
    assert code_of(child) == 128 + signal.SIGHUP
    assert statuses(tmp_path) == expected
    assert read_fact(run, "proc", "exit") == str(-signal.SIGHUP)
    assert state_of(command) == ""


def test_a_command_that_survives_the_hangup_is_recorded_with_its_own_code(tmp_path):
    define(tmp_path, op=f"trap 'echo heard; exit 4' HUP; {FOREVER}")
    child, terminal = on_terminal(tmp_path, "gage", "run", "-y")
    run, _ = when_ready(tmp_path)
    os.close(terminal)
    assert code_of(child) == 4
    assert (run_status(run), read(run_meta_path(run, "output", "40_run"))[:6]) == (
        "error",
        "heard\n",
    )


def test_with_nohup_the_run_goes_on_without_its_terminal(tmp_path):
    define(tmp_path, op=f"{READY} while test ! -e go; do sleep 0.02; done; echo done", all=["op"])
    child, terminal = on_terminal(tmp_path, "nohup", "gage", "run", "-y", "all")
    run, _ = when_ready(tmp_path)
    os.close(terminal)
    assert run_status(run) == "running"
    write(f"{run}/go", "")
    assert code_of(child) == 0
    assert statuses(tmp_path) == ["completed all", "completed op"]
    assert read(run_meta_path(run, "output", "40_run")) == "done\n"


# Killed


def test_a_killed_command_is_terminated_by_that_signal(tmp_path):
    define(tmp_path, op=FOREVER)
    way = under_way(tmp_path, "gage", "run")
    os.kill(int(way.ready), signal.SIGKILL)
    assert ended(way.process).code == 137
    assert read_fact(way.run, "proc", "exit") == "-9"


@pytest.mark.parametrize("operation", ["op", "all"])
def test_where_all_is_killed_at_once_the_status_is_true_and_a_restart_goes_on(tmp_path, operation):
    define(tmp_path, op=f"test -e ready && exit 0; {FOREVER}", last="true", all=["op", "last"])
    # A PID namespace is a container: with its first process the kernel kills all others.
    inside = ["unshare", "--pid", "--fork", "--kill-child", "gage", "run", operation]
    if subprocess.run([*inside[:4], "true"], capture_output=True).returncode:
        pytest.skip("no PID namespace can be made here")
    way = under_way(tmp_path, *inside)
    way.process.kill()
    ended(way.process)
    wait_until(lambda: not is_held(way.run, "tree") and not is_held(way.run, "runner"))
    assert run_status(way.run) == "terminated"
    told = quick("restart", "-y", f"{operation}@", cwd=tmp_path)
    assert told.code == 0, told.err
    assert {status.split()[0] for status in statuses(tmp_path)} == {"completed"}
    assert read_fact(way.run, "attempts", "1", "proc", "exit") == "-9"


def test_a_command_that_eats_all_memory_is_killed_and_the_run_says_so(tmp_path):
    write(
        str(tmp_path / "eat.py"),
        "print('eating', flush=True)\nx = [bytearray(b'x' * (1 << 20)) for _ in range(400)]\n",
    )
    define(tmp_path, op=f"exec python {tmp_path}/eat.py")
    # The largest is killed: the command, and not its runner.
    with cgroup("memory", limit_in_bytes=120 << 20) as group:
        done = subprocess.run(
            within(group, "gage", "run"), cwd=tmp_path, capture_output=True, timeout=60
        )
        (run,) = runs(tmp_path)
        assert (done.returncode, done.stdout) == (137, b"eating\n")
        assert (run_status(run), read_fact(run, "proc", "exit")) == ("terminated", "-9")


def test_what_lives_on_after_its_runner_is_named_with_the_command_that_ends_it(tmp_path):
    define(tmp_path, op="sleep 71 & sleep 72 & echo $! > ready; wait; exit 0")
    way = under_way(tmp_path, "gage", "run")
    way.process.kill()
    way.process.communicate()
    wait_until(lambda: run_status(way.run) == "terminated")
    assert is_held(way.run, "tree")
    expected = (
        rf"{way.run}: something that its command started is still running: "
        r"process \d+ \(sleep 71\), process \d+ \(sleep 72\)\n"
        rf"hint: gage runs stop {way.run}\n"
    )
    name = way.run.name
    for words in (
        ["restart", "-y", name],
        ["finalize", str(way.run)],
        ["reopen", str(way.run)],
        ["runs", "rm", "-y", name],
    ):
        told = quick(*words, cwd=tmp_path)
        assert told.code == 11, words
        assert re.fullmatch(rf"gage[a-z -]*: {expected}", told.err), told.err
    assert quick("runs", "stop", "-y", str(way.run), cwd="/").code == 0
    assert not is_alive(way.ready)
    assert read_fact(way.run, "proc", "exit") == "-9"
    assert quick("restart", "-y", "--stage", cwd=tmp_path).code != 11


@pytest.mark.long
def test_of_many_that_live_on_a_few_are_named(tmp_path):
    define(tmp_path, op="for i in 1 2 3 4 5 6 7 8; do sleep 7$i & done; echo $! > ready; wait")
    way = under_way(tmp_path, "gage", "run")
    way.process.kill()
    way.process.communicate()
    wait_until(lambda: not is_held(way.run, "runner"))
    wait_until(lambda: "and 3 more\n" in quick("finalize", str(way.run)).err)
    assert quick("runs", "stop", "-y", str(way.run), cwd="/").code == 0


# Starved


@pytest.mark.parametrize("count", mostly_long(range(6, 24), but_for=(8, 11, 14, 16)))
def test_too_few_descriptors_start_nothing_and_later_the_same_works(tmp_path, count):
    run = staged(tmp_path, "echo hi; exit 3")
    told = program("prlimit", f"--nofile={count}", "gage-exec", "one", cwd=tmp_path)
    if told.code == 3:
        assert (told.out, run_status(run)) == ("hi\n", "exited")
        return
    assert (told.out, told.code, "Too many open files" in told.err) == ("", 125, True)
    if run_status(run) == "staged":
        assert quick("exec", "one", cwd=tmp_path).code == 3
    else:
        assert run_status(run) == "exited"
        assert quick("finalize", "one", cwd=tmp_path).code == 0
        assert read_fact(run, "proc", "exit") == "125"


@pytest.mark.parametrize("most", [1, 2])
def test_where_no_process_can_be_made_the_run_says_so_and_restarts(tmp_path, most):
    define(tmp_path, op="echo hi; exit 3")
    with cgroup("pids", max=most) as group:
        told = program(*within(group, "gage", "run"), cwd=tmp_path)
        (run,) = runs(tmp_path)
        if most == 1:
            assert told.code == 125
            assert told.err == (
                f"gage run: {run}: the command could not be started: "
                "Resource temporarily unavailable\n"
            )
            assert (run_status(run), read_fact(run, "proc", "exit")) == ("error", "125")
        else:
            assert (told.out, told.code) == ("hi\n", 3)
    assert quick("restart", "-y", "op@", cwd=tmp_path).code == 3


def test_a_step_that_cannot_be_started_is_said_and_a_restart_goes_on(tmp_path):
    define(tmp_path, op="true", all=["op", "op"])
    # The runner, and the one that runs the steps.
    with cgroup("pids", max=2) as group:
        told = program(*within(group, "gage", "run", "all"), cwd=tmp_path)
        assert told.code == 125
        assert "step op: Resource temporarily unavailable\n" in told.err
    assert statuses(tmp_path) == ["error all", "staged op", "staged op"]
    assert quick("restart", "-y", "all@", cwd=tmp_path).code == 0
    assert statuses(tmp_path) == ["completed all", "completed op", "completed op"]


@pytest.mark.skipif(not nobody_can_run(), reason="an ordinary user cannot run the programs")
def test_an_ordinary_user_who_may_have_no_more_processes_is_told():
    with open_place() as place:
        define(place, op="echo hi; exit 3")
        # Nobody else has this user, so that nobody else counts.
        alone = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
        os.chown(place, 54321, 54321)
        told = program(*alone, "prlimit", "--nproc=1", "gage", "run", cwd=place)
        assert told.code == 125
        assert "could not be started: Resource temporarily unavailable\n" in told.err
        assert program(*alone, "gage", "restart", "-y", "1", cwd=place).code == 3


@pytest.mark.parametrize("megabytes", mostly_long(range(16, 60, 2), but_for=(22, 28, 36)))
def test_without_memory_nothing_is_half_done_and_nothing_is_called_a_fault(tmp_path, megabytes):
    define(tmp_path, op="echo hi; exit 3")
    limit = f"--as={megabytes << 20}"
    told = program("prlimit", limit, "gage", "run", cwd=tmp_path)
    if not runs(tmp_path):
        # Python itself may fail, before it is ours.
        assert told.code == 125 or "MemoryError" in told.err or "allocate" in told.err, told
        return
    (run,) = runs(tmp_path)
    status = run_status(run)
    assert "fault of gage" not in told.err
    if told.code == 3:
        assert (told.out, status) == ("hi\n", "error" if not told.err else "exited")
    else:
        assert (told.code, status in ("staged", "terminated", "pending")) == (125, True), told
    if status != "pending":
        assert quick("restart", "-y", "op@", cwd=tmp_path).code == 3


def test_memory_that_is_missing_at_the_end_keeps_the_code(tmp_path, monkeypatch, capfd):
    from gage.plumbing import finalize
    from gage.porcelain.main import main

    def refuse(*_args):
        raise MemoryError

    define(tmp_path, op="exit 3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finalize, "read_summary", refuse)
    with open_child() as child:
        if child == 0:
            os._exit(main(["run", "-y"]))
        assert code_of(child) == 3
    (run,) = runs(tmp_path)
    err = capfd.readouterr().err
    assert err == (
        f"gage run: {run}: not finalized: out of memory\n"
        f"hint: mend that, then gage-finalize {run}\n"
    )
    assert run_status(run) == "exited"


@contextmanager
def open_child():
    """A fork of this process; it is 0 in the child, which has to end by itself."""
    child = os.fork()
    try:
        yield child
    finally:
        if child == 0:
            os._exit(70)


# What will not be told


DAEMONS = {
    "nohup": "nohup sleep 81 > /dev/null 2>&1 & echo $! > pid",
    "setsid": "setsid sh -c 'echo $$ > pid; exec sleep 82' > /dev/null 2>&1 & sleep 0.2",
    "without streams": "(exec sleep 83 >&- 2>&- <&-) & echo $! > pid",
    "without environment": "env -i setsid sleep 84 >&- 2>&- <&- & echo $! > pid",
    "deaf": "(trap '' TERM HUP INT; echo $PPID > up; exec sleep 85) & echo $! > pid",
    "stopped": "(exec sleep 86) & echo $! > pid; kill -STOP $!",
}

DOUBLE_FORK = """
import os, sys, time
if os.fork():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    os._exit(3)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpid()}\\n")
os.closerange(0, 4096)
time.sleep(87)
"""


@pytest.mark.parametrize("kind", DAEMONS)
def test_a_daemon_is_ended_named_and_does_not_change_the_code(tmp_path, kind):
    run = staged(tmp_path, f"{DAEMONS[kind]}; echo main; exit 3")
    told = quick("exec", "--linger", "0.2", "one", cwd=tmp_path)
    assert (told.out, told.code) == ("main\n", 3)
    pid = read(f"{run}/pid").strip()
    assert state_of(pid) == ""
    assert f"ended what the command left behind: {pid} " in log_of(run)
    assert not is_held(run, "tree")


def test_a_daemon_as_the_book_says_is_ended_too(tmp_path):
    write(str(tmp_path / "daemon.py"), DOUBLE_FORK)
    pidfile = tmp_path / "pid"
    run = staged(tmp_path, f"exec python {tmp_path}/daemon.py {pidfile}")
    assert quick("exec", "--linger", "0.2", "one", cwd=tmp_path).code == 3
    pid = read(str(pidfile)).strip()
    assert state_of(pid) == ""
    assert f"ended what the command left behind: {pid} " in log_of(run)


def test_a_grandchild_that_keeps_the_output_open_does_not_keep_the_run(tmp_path):
    run = staged(tmp_path, "(while :; do sleep 0.01; echo more; done) & echo main; exit 3")
    told = quick("exec", "--linger", "0.2", "one", cwd=tmp_path)
    assert (told.out.startswith("main\n"), told.code) == (True, 3)
    assert told.out == read(run_meta_path(run, "output", "40_run"))
    assert "ended what the command left behind: " in log_of(run)


def test_a_command_that_closes_all_goes_on_and_its_end_is_awaited(tmp_path):
    define(tmp_path, op="exec >&- 2>&- <&-; sleep 0.3; : > late; exit 9")
    assert quick("run", cwd=tmp_path) == ("", "", 9)
    (run,) = runs(tmp_path)
    assert os.path.exists(f"{run}/late")
    assert run_status(run) == "error"


def test_a_command_that_multiplies_is_ended_to_the_last(tmp_path):
    bomb = "import os, time\nfor _ in range(5): os.fork()\n"
    bomb += "open(f'pid-{os.getpid()}', 'w').close()\ntime.sleep(88)\n"
    write(str(tmp_path / "bomb.py"), bomb)
    with cgroup("pids", max=60) as group:
        run = staged(tmp_path, f"python {tmp_path}/bomb.py & sleep 0.5; exit 4")
        told = program(*within(group, "gage-exec", "--linger", "0.2", "one"), cwd=tmp_path)
        assert told.code == 4
        pids = [name[4:] for name in os.listdir(str(run)) if name.startswith("pid-")]
        assert len(pids) == 32
        assert [pid for pid in pids if state_of(pid)] == []


@pytest.mark.long
def test_a_fork_bomb_hits_its_limit_and_the_run_ends(tmp_path):
    bomb = "import os, time\nend = time.monotonic() + 1\n"
    bomb += (
        "while time.monotonic() < end:\n    try: os.fork()\n    except OSError: time.sleep(0.01)\n"
    )
    write(str(tmp_path / "bomb.py"), bomb)
    define(tmp_path, op=f"python {tmp_path}/bomb.py; exit 4")
    with cgroup("pids", max=60) as group:
        told = program(*within(group, "gage", "run"), cwd=tmp_path)
        assert told.code in (2, 4), told  # a shell that cannot fork any more exits with 2
        (run,) = runs(tmp_path)
        assert run_status(run) == "error"
        assert read(f"{group}/cgroup.procs") == ""


def test_a_command_that_ignores_a_signal_is_killed_in_the_end(tmp_path):
    define(tmp_path, op=f"trap '' TERM INT HUP; {FOREVER}")
    way = under_way(tmp_path, "gage", "run")
    for _ in range(3):
        assert way.process.poll() is None
        way.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)  # two that are pending at once are one
    assert ended(way.process).code == 137
    assert read_fact(way.run, "proc", "exit") == "-9"


CHANGES = ("os.setpgid(0, os.getppid())", "os.setpgrp()", "fork_and_setsid()")


@pytest.mark.parametrize("change", mostly_long(CHANGES, but_for=(CHANGES[0], CHANGES[2])))
def test_a_command_that_leaves_its_group_is_reached_all_the_same(tmp_path, change):
    script = (
        "import os, time\n"
        "def fork_and_setsid():\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)\n"
        "    os.setsid()\n"
        f"try: {change}\n"
        "except OSError: pass\n"
        "with open('ready', 'w') as file: file.write(f'{os.getpid()}\\n')\n"
        "time.sleep(89)\n"
    )
    write(str(tmp_path / "leave.py"), script)
    define(tmp_path, op=f"exec python {tmp_path}/leave.py")
    way = under_way(tmp_path, "gage", "run")
    way.process.send_signal(signal.SIGTERM)
    assert ended(way.process).code == 143
    assert state_of(way.ready) == ""
    assert run_status(way.run) == "terminated"


def test_a_command_that_signals_the_group_of_its_runner_ends_itself(tmp_path):
    define(tmp_path, op=f"{READY} kill -TERM -$(ps -o pgid= -p $PPID | tr -d ' '); sleep 90")
    way = under_way(tmp_path, "gage", "run")
    assert ended(way.process).code == 143
    assert read_fact(way.run, "proc", "exit") == str(-signal.SIGTERM)


def test_a_command_that_kills_its_runner_dies_with_it_and_the_run_can_be_restarted(tmp_path):
    define(tmp_path, op=f"test -e ready && exit 0; {READY} kill -KILL $PPID; sleep 91")
    way = under_way(tmp_path, "gage", "run")
    assert ended(way.process).code == -signal.SIGKILL
    until_gone(way.ready)
    wait_until(lambda: not is_held(way.run, "runner"))
    assert run_status(way.run) == "terminated"
    assert quick("runs", "stop", "-y", "op@", cwd=tmp_path).code in (0, 20)
    assert quick("restart", "-y", "op@", cwd=tmp_path).code == 0
    assert read_fact(way.run, "attempts", "1", "proc", "exit") == "-9"


REMOVALS = {
    "$RUN_DIR": "error",
    "$RUN_DIR/../.locks": "error",
    "$RUN_DIR/../.locks $RUN_DIR/../.tmp": "error",
    "$RUN_DIR $RUN_DIR/../.locks": "error",
    "$RUN_DIR.meta": "",
    "$(dirname $RUN_DIR)": "",
}


@pytest.mark.parametrize("removed", mostly_long(REMOVALS, but_for=[*REMOVALS][1::2]))
def test_a_command_that_removes_what_is_gages_is_told_in_few_words(tmp_path, removed):
    define(tmp_path, op=f"cd /; rm -rf {removed}; echo gone; exit 3", other="true")
    told = quick("run", "op", cwd=tmp_path)
    assert told.out == "gone\n"
    assert told.err.count("\n") <= 2
    assert "Traceback" not in told.err
    expected = REMOVALS[removed]
    # Where nothing is left that could tell it later, the code is not called that of the run.
    assert told.code == (3 if expected else 125)
    assert statuses(tmp_path) == ([f"{expected} op"] if expected else [])
    for run in runs(tmp_path):
        assert read_fact(run, "proc", "exit") == "3"
    assert quick("run", "other", cwd=tmp_path).code == 0


def test_plumbing_notes_the_end_though_the_command_removed_the_locks(tmp_path):
    run = staged(tmp_path, "rm -rf $RUN_DIR/../.locks; exit 3")
    assert quick("exec", "one", cwd=tmp_path) == ("", "", 3)
    assert run_status(run) == "exited"
    assert quick("finalize", "one", cwd=tmp_path).code == 0
    assert read_fact(run, "proc", "exit") == "3"


# A process ID says nothing


def test_a_process_id_never_makes_a_run_running(tmp_path):
    define(tmp_path, op="true")
    zombie = subprocess.Popen(["true"])
    wait_until(lambda: state_of(zombie.pid) == "Z")
    sleeper = subprocess.Popen(["sleep", "92"])
    define(tmp_path, op=FOREVER)
    way = under_way(tmp_path, "gage", "run")
    way.process.kill()
    ended(way.process)
    until_gone(way.ready)
    wait_until(lambda: not is_held(way.run, "tree"))
    lock = run_meta_path(way.run, "proc", "lock")
    try:
        for pid in (1, zombie.pid, sleeper.pid, os.getpid(), 4194303):
            os.unlink(lock)
            write(lock, str(pid), 0o444)
            assert run_status(way.run) == "terminated"
            told = quick("runs", "-s", cwd=tmp_path)
            assert told.out == "[1]  op  terminated\n"
        assert quick("runs", "stop", "-y", "op@", cwd=tmp_path).code == 20
        assert quick("finalize", str(way.run)).code == 0
        assert state_of(sleeper.pid) == "S"
    finally:
        sleeper.kill()
        sleeper.wait()
        zombie.wait()
