import os
import signal
import subprocess

import pytest

from gage.listing import read_rows
from gage.locks import is_held
from gage.run import lock_path, open_run, read_fact
from gage.status import run_status
from tests.porcelain.place import gage_on_terminal
from tests.programs import begun, program, read, wait_until, write

GAGE_FILE = """
quick:
  exec: "true"
slow:
  exec: exec sleep 1000
once:
  exec: test -e begun || { touch begun; exec sleep 1000; }
deaf:
  exec: "trap '' TERM; while :; do sleep 0.1; done"
leaver:
  exec: setsid sleep 1000 & wait
inner:
  steps: [quick, once, quick]
outer:
  steps: [quick, inner, quick]
"""

STOPPED = 128 + signal.SIGTERM

RUNNERS = []  # of the present test


@pytest.fixture
def place(tmp_path):
    write(str(tmp_path / "gage.yaml"), GAGE_FILE)
    yield str(tmp_path)
    while RUNNERS:
        runner = RUNNERS.pop()
        runner.terminate()
        runner.wait(60)


def home(place):
    return os.path.join(place, ".gage", "runs")


def runs(place):
    """The status of each run, oldest first, by name of its operation."""
    return [(row.operation, row.status) for row in reversed(read_rows(home(place)))]


def newest(place, operation):
    return next(row.run for row in read_rows(home(place)) if row.operation == operation)


def runner_of(place, *words):
    """The program *words* under way, which ends with the test."""
    RUNNERS.append(begun(*words, cwd=place))
    return RUNNERS[-1]


def running(place, operation):
    """A run of *operation* under way, and its runner."""
    runner = runner_of(place, "gage", "run", "-y", operation)
    return waited(place, operation), runner


def waited(place, operation):
    def is_running():
        rows = [row for row in read_rows(home(place)) if row.operation == operation]
        return rows and rows[0].status == "running" and read_fact(rows[0].run, "proc", "lock")

    wait_until(is_running)
    return newest(place, operation)


def stop(place, *words):
    return program("gage", "runs", "stop", *words, cwd=place)


def test_a_running_run_is_stopped_and_finalized(place):
    run, runner = running(place, "slow")
    assert stop(place, "slow") == ("", "", 0)
    assert read_fact(run, "proc", "exit") == "-15"
    assert runner.wait(10) == STOPPED


def test_a_run_of_plumbing_is_finalized_for_it(place):
    run_dir = program("gage-init", "runs/slow", "slow", cwd=place).out.strip()
    program("gage-stage", run_dir, cwd=place)
    runner = runner_of(place, "gage-exec", run_dir)
    run = open_run(os.path.join(place, run_dir))
    wait_until(lambda: read_fact(run, "proc", "lock"))
    assert stop(place, "./runs/slow") == ("", "", 0)
    assert run_status(run) == "terminated"
    assert read_fact(run, "proc", "exit") == "-15"
    assert runner.wait(10) == STOPPED


def test_of_a_stopped_pipeline_the_rest_stays_staged_and_a_restart_completes_it(place):
    _, runner = running(place, "outer")
    step = waited(place, "once")
    assert stop(place, "outer") == ("", "", 0)
    assert runner.wait(10) == STOPPED
    assert not is_held(step, "tree")
    assert sorted(runs(place)) == [
        ("inner", "terminated"),
        ("once", "terminated"),
        ("outer", "terminated"),
        ("quick", "completed"),
        ("quick", "completed"),
        ("quick", "staged"),
        ("quick", "staged"),
    ]
    assert program("gage", "restart", "outer", "-y", "-q", cwd=place).code == 0
    assert {status for _, status in runs(place)} == {"completed"}


def test_a_stopped_step_ends_its_pipeline(place):
    _, runner = running(place, "inner")
    waited(place, "once")
    assert stop(place, "once") == ("", "", 0)
    assert runner.wait(10) == STOPPED
    assert sorted(runs(place)) == [
        ("inner", "error"),
        ("once", "terminated"),
        ("quick", "completed"),
        ("quick", "staged"),
    ]


def test_all_that_are_running_are_stopped_a_pipeline_as_a_whole(place):
    _, one = running(place, "slow")
    _, other = running(place, "inner")
    waited(place, "once")
    assert stop(place, "--running") == ("", "", 0)
    assert one.wait(10) == other.wait(10) == STOPPED
    assert stop(place, "--running").code == 10


def test_a_run_that_is_not_running_is_said_and_the_others_are_stopped(place):
    program("gage", "run", "-y", "quick", cwd=place)
    run, _ = running(place, "slow")
    told = stop(place, "quick", "slow")
    assert told.err == f"gage runs stop: {newest(place, 'quick')}: not running: completed\n"
    assert told.code == 20
    assert run_status(run) == "terminated"


def test_filters_find_what_is_running(place):
    program("gage", "run", "-y", "quick", cwd=place)
    assert stop(place, "-Fo", "quick").err == "gage runs stop: none of these runs is running\n"
    running(place, "slow")
    assert stop(place, "--started", "today") == ("", "", 0)
    assert runs(place) == [("quick", "completed"), ("slow", "terminated")]


def test_nothing_is_stopped_that_was_not_named(place):
    run, _ = running(place, "slow")
    assert stop(place).code == 2
    assert stop(place, "").code == 2
    assert stop(place, "none").code == 10
    assert run_status(run) == "running"


def test_what_does_not_end_in_time_is_named(place):
    run, runner = running(place, "deaf")
    assert stop(place, "deaf", "--no-wait") == ("", "", 0)
    assert run_status(run) == "running"
    told = stop(place, "deaf", "--timeout", "0.2")
    assert told.code == 11
    assert "still running after 0.2 s: process " in told.err
    assert "sh -c trap '' TERM; " in told.err
    # The third signal kills.
    assert stop(place, "deaf") == ("", "", 0)
    assert read_fact(run, "proc", "exit") == "-9"
    assert runner.wait(10) == 128 + signal.SIGKILL


def test_a_suspended_runner_is_stopped(place):
    run, runner = running(place, "slow")
    os.kill(runner.pid, signal.SIGSTOP)
    assert stop(place, "slow") == ("", "", 0)
    assert read_fact(run, "proc", "exit") == "-15"


def test_a_runner_on_another_host_is_left_alone(place):
    run, _ = running(place, "slow")
    path = lock_path(run, "identity")
    write(path, "elsewhere " + read(path).partition(" ")[2])
    told = stop(place, "slow")
    assert told.err == f"gage runs stop: {run}: running on elsewhere\nhint: stop it there\n"
    assert told.code == 20
    assert run_status(run) == "running"
    os.remove(path)
    assert stop(place, "slow").err.endswith("nothing tells which process runs it\n")
    os.killpg(int(read_fact(run, "proc", "lock")), signal.SIGTERM)


@pytest.mark.parametrize("field", [1, 3])
def test_a_process_that_was_given_the_number_of_the_runner_is_left_alone(place, field):
    run, runner = running(place, "slow")
    with subprocess.Popen(["sleep", "1000"]) as another:
        identity = read(lock_path(run, "identity")).split()
        words = [*identity[:2], str(another.pid), identity[3]]
        words[field] = "0"
        write(lock_path(run, "identity"), " ".join(words) + "\n")
        told = stop(place, "slow")
        assert told.err.startswith(f"gage runs stop: {run}: another process holds the run\n")
        assert told.code == 11
        assert another.poll() is None
        another.kill()
    runner.terminate()
    assert runner.wait(10) == STOPPED


def test_what_a_dead_runner_left_behind_is_ended(place):
    run, runner = running(place, "leaver")
    wait_until(lambda: "sleep" in children_of(int(read_fact(run, "proc", "lock"))))
    runner.kill()
    runner.wait(10)
    wait_until(lambda: run_status(run) == "terminated")
    assert is_held(run, "tree")
    assert stop(place, "leaver") == ("", "", 0)
    assert not is_held(run, "tree")
    assert read_fact(run, "proc", "exit") == "-9"


def children_of(pid):
    told = subprocess.run(["ps", "-o", "comm=", "--ppid", str(pid)], capture_output=True)
    return told.stdout.decode()


def test_a_step_is_stopped_though_nobody_runs_its_pipeline(place):
    program("gage", "run", "-y", "--stage", "inner", cwd=place)
    step = newest(place, "once")
    runner = runner_of(place, "gage-exec", step.run_dir)
    waited(place, "once")
    assert stop(place, "inner") == ("", "", 0)
    assert read_fact(step, "proc", "exit") == "-15"
    assert run_status(newest(place, "inner")) == "staged"
    assert runner.wait(10) == STOPPED


def test_a_person_is_asked_first(place):
    run, runner = running(place, "slow")
    shown, code = gage_on_terminal("runs", "stop", "slow", cwd=place, typed="\n")
    assert "Stop this run? [y/N]" in shown
    assert code == 1
    assert run_status(run) == "running"
    _, code = gage_on_terminal("runs", "stop", "slow", cwd=place, typed="y\n")
    assert code == 0
    assert runner.wait(10) == STOPPED
