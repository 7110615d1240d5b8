import json
import os
import subprocess
import threading

import pytest

from gage import locks
from gage.facts import put_fact
from gage.plumbing.status import main, wait_for_run
from gage.run import Run
from tests.written import write_run


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(run: Run) -> Run:
    put_fact(run, "started", text="5")
    return run


def test_it_prints_one_word_a_run_in_the_order_of_the_arguments(place, capsys):
    write_run("runs", name="good")
    write_run("runs", name="bad", exit=2)
    write_run("runs", name="killed", exit=-9)
    write_run("runs", name="staged", exit=None)
    started(write_run("runs", name="died", exit=None))
    os.makedirs("runs/broken.meta")
    names = ["bad", "good", "killed", "staged", "died", "broken", "good/"]
    assert main([f"runs/{name}" for name in names]) == 0
    words = "error completed terminated staged terminated unknown completed"
    assert capsys.readouterr().out.split("\n") == [*words.split(), ""]


def test_the_status_of_one_run_is_known_from_within(place, monkeypatch, capsys):
    os.mkdir(write_run("runs", name="one").run_dir)
    monkeypatch.chdir("runs/one")
    assert main(["."]) == 0
    assert capsys.readouterr().out == "completed\n"


def test_what_is_no_run_exits_10(place, capsys):
    write_run("runs", name="one")
    assert main(["runs/one", "runs/two"]) == 10
    out, err = capsys.readouterr()
    assert out == "completed\n"
    assert err == "gage-status: runs/two: no run here (two.meta is missing)\n"


def test_without_a_run_dir_it_is_a_usage_error(place):
    assert main([]) == 2


def test_json_tells_run_dir_and_id(place, capsys):
    run = write_run("runs", name="one")
    assert main(["--json", "runs/one"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"run_dir": "runs/one", "id": run.id, "status": "completed"}


def test_run_dirs_are_read_from_standard_input(place):
    write_run("runs", name="new\nline", exit=2)
    write_run("runs", name="one")
    done = subprocess.run(
        ["gage-status", "-z", "--stdin", "runs/one"],
        input=b"runs/new\nline\0runs/one\0",
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"completed\0error\0completed\0"
    done = subprocess.run(
        ["gage-status", "-"], input=b"runs/one\n", capture_output=True, check=True
    )
    assert done.stdout == b"completed\n"


def test_waiting_ends_when_the_run_does(place):
    run = started(write_run("runs", name="one", exit=None))
    lock = locks.take(run, "runner")
    waiting = subprocess.Popen(
        ["gage-status", "--wait", "runs/one"], stdout=subprocess.PIPE, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.5)
    put_fact(run, "proc", "exit", text="3")
    assert waiting.communicate()[0] == "error\n"
    os.close(lock)


def test_waiting_ends_when_whoever_ran_it_dies(place):
    run = started(write_run("runs", name="one", exit=None))
    lock = locks.take(run, "runner")
    threading.Timer(0.2, os.close, [lock]).start()
    assert wait_for_run(run.run_dir) == "terminated"


def test_nothing_is_waited_for_that_was_not_started(place):
    assert wait_for_run(write_run("runs", exit=None).run_dir) == "staged"
