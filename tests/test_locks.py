import os
import signal
import stat
import subprocess
import sys

import pytest

from gage.errors import LockedError
from gage.locks import holding, is_held, is_running, take
from gage.run import Run, lock_path
from tests.programs import nobody_can_run, program, wait_until
from tests.written import write_run

HOLDER = (
    "import os, sys, time\n"
    "from gage.locks import take\n"
    "from gage.run import Run\n"
    "fd = take(Run(sys.argv[1], '', None), 'runner')\n"
    "os.set_inheritable(fd, len(sys.argv) > 2)\n"
    "if len(sys.argv) > 2: os.posix_spawn('/bin/sleep', ['sleep', '60'], os.environ)\n"
    "print('held', flush=True)\n"
    "time.sleep(60)\n"
)


@pytest.fixture
def run(tmp_path) -> Run:
    os.mkdir(tmp_path / "runs")
    return Run(str(tmp_path / "runs" / "one"), "", None)


def holder(run, *more):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, run.run_dir, *more],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()


def test_a_lock_is_held_by_one(run):
    with holding(run):
        with pytest.raises(LockedError, match="another process holds the run"):
            take(run, "runner")
        assert is_held(run, "runner")
        assert not is_held(run, "tree")
    assert not is_held(run, "runner")


def test_a_lock_is_of_its_descriptor_and_not_of_the_process(run):
    # Locks of fcntl(2) of old would be gone with the first of these that is closed.
    fd = take(run, "runner")
    os.close(os.open(lock_path(run, "runner"), os.O_RDWR))
    assert is_held(run, "runner")
    os.close(fd)
    assert not is_held(run, "runner")


def test_a_killed_holder_lets_go_at_once(run):
    process = holder(run)
    with pytest.raises(LockedError):
        take(run, "runner")
    process.kill()
    process.wait()
    assert not is_held(run, "runner")
    with holding(run):
        assert is_held(run, "runner")
    process.stdout.close()


def test_a_stopped_holder_still_holds(run):
    process = holder(run)
    process.send_signal(signal.SIGSTOP)
    assert is_held(run, "runner")
    end(process)


def test_whoever_inherited_a_lock_holds_it_on(run):
    process = holder(run, "inherited")
    process.kill()
    process.wait()
    assert is_held(run, "runner")
    end(process)
    wait_until(lambda: not is_held(run, "runner"))


def test_to_ask_disturbs_nobody(run):
    os.close(take(run, "runner"))
    script = "from gage.locks import is_held; from gage.run import Run; import sys\n"
    script += "print(flush=True)\nwhile True: is_held(Run(sys.argv[1], '', None), 'runner')"
    asker = subprocess.Popen([sys.executable, "-c", script, run.run_dir], stdout=subprocess.PIPE)
    asker.stdout.readline()
    try:
        for _ in range(2000):
            os.close(take(run, "runner"))
    finally:
        asker.kill()
        asker.wait()
        asker.stdout.close()


def test_a_lock_that_was_never_taken_is_not_held(run):
    assert not is_held(run, "runner")
    assert not os.path.exists(os.path.join(run.home, ".locks"))


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_locks_and_what_is_not_whole_are_closed_to_others(tmp_path, umask):
    home = tmp_path / "runs"
    home.mkdir(mode=0o755)
    program("gage-init", str(home / "one"), "--", "true", umask=umask)
    modes = {
        name: oct(stat.S_IMODE(os.stat(home / name).st_mode))
        for name in (".locks", ".locks/one", ".tmp")
    }
    assert modes == {".locks": "0o700", ".locks/one": "0o700", ".tmp": "0o700"}


def test_a_lock_that_is_a_fifo_is_waited_for_by_nobody(run):
    os.makedirs(os.path.dirname(lock_path(run, "runner")))
    os.mkfifo(lock_path(run, "runner"))
    assert not is_held(run, "runner")


def test_who_may_not_ask_is_not_told_that_nobody_is_there(tmp_path):
    if os.geteuid() != 0 or not nobody_can_run():
        pytest.skip("needs a second user")
    folder = str(tmp_path)
    while "pytest-" in folder:
        os.chmod(folder, 0o755)
        folder = os.path.dirname(folder)
    home = tmp_path / "runs"
    home.mkdir(mode=0o755)
    run = write_run(home, name="one", exit=None)
    os.chmod(run.meta_dir, 0o755)
    with open(os.path.join(run.meta_dir, "started"), "w", encoding="utf-8") as file:
        file.write("3\n")
    with holding(run):
        assert program("gage-status", run.run_dir).out == "running\n"
        assert program("gage-status", run.run_dir, cwd="/", nobody=True).out == "unknown\n"


def test_who_only_finishes_a_run_keeps_others_out_and_does_not_run_it(run):
    with holding(run, finishing=True):
        assert is_held(run, "runner")
        assert not is_running(run)
        for finishing in (True, False):
            with pytest.raises(LockedError):
                take(run, "runner", finishing=finishing)
    with holding(run):
        assert is_running(run)
        with pytest.raises(LockedError):
            take(run, "runner", finishing=True)
    assert not is_running(run)
