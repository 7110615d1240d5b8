import os
import signal
import subprocess
import time

import pytest

from gage.run import open_run
from tests.pipelines import Project
from tests.porcelain.place import at_work, gage, put, write_run, write_steps
from tests.porcelain.test_viewer import GAGE
from tests.programs import QUICK
from tests.screen import Terminal


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def test_a_pipe_gets_a_line_for_each_step_and_then_all(tmp_path, home):
    parent, _, failed = write_steps(home)
    told = gage("watch", "steps-restart", cwd=tmp_path)
    assert told.code == 1
    lines = told.out.split("\n")
    assert lines[:3] == [
        f"m1:steps-restart {parent[:8]}: error after 2.1 s",
        "fail: completed after 2.1 s",
        "fail_2: error after 2.1 s",
    ]
    assert lines[-3:] == [
        f"fail_2 ({failed[:8]}) wrote nothing",
        f"hint: gage restart {parent[:8]} --needed",
        "",
    ]
    assert told.err == ""


@pytest.mark.parametrize(("exit", "code"), [(0, 0), (7, 7), (-15, 143)])
def test_it_answers_as_the_run_did(tmp_path, home, exit, code):
    id = write_run(home, 1, exit=exit, output=b"one\ntwo\n")
    told = gage("watch", cwd=tmp_path)
    assert told.code == code
    assert (f"hint: gage restart {id[:8]}" in told.out) == (code != 0)
    assert ("the last lines of train" in told.out) == (code != 0)


def test_what_has_no_end_that_anybody_knows_is_trouble(tmp_path, home):
    id = write_run(home, 1, exit=None)
    put(f"{home}/{id}.meta/started", b"1763726400000000\n")
    told = gage("watch", cwd=tmp_path)
    assert told.code == 125
    assert f"{id[:8]}: nothing tells how it ended" in told.err


def test_a_run_that_is_damaged_has_no_end_that_is_waited_for(tmp_path, home):
    id = write_run(home, 1, exit=None)
    put(f"{home}/{id}.meta/started", b"1763726400000000\n")
    put(f"{home}/{id}.meta/__schema__", b"no number\n")
    told = gage("watch", cwd=tmp_path)
    assert (told.code, "hint: gage restart" in told.out) == (125, False)
    assert f"hint: gage-fsck {home}/{id}\n" in told.err


def test_a_run_that_is_deleted_meanwhile_is_said_to_be(tmp_path):
    project = Project(tmp_path, "op: {exec: echo 3 rows}\n")
    id = project.run("--stage", "op").out.strip()
    watching = Terminal(GAGE, "watch", cwd=project.path, env=QUICK)
    watching.wait_for("op .* staged")
    assert project.gage("runs", "rm", "-y", id).code == 0
    text, code = watching.end()
    assert code == 125
    assert f"gage watch: {id[:8]}: deleted meanwhile\nhint: gage runs -d lists" in text
    assert "gage restart" not in text


def test_hints_name_a_run_so_that_it_is_found(tmp_path):
    project = Project(tmp_path, "op: {exec: 'true'}\n")
    assert project.run("op", "--stage", "--run-dir", "kept/one").code == 0
    run = open_run(f"{project.path}/kept/one")
    put(f"{run.meta_dir}/started", b"1763726400000000\n")
    with at_work(f"{project.path}/kept", "one"):
        told = project.gage("restart", "kept/one")
        assert told.code == 11
        hint = told.err.splitlines()[1]
        assert hint.startswith("hint: gage runs stop ")
        assert project.gage("select", hint.split()[-1]).code == 0


def test_a_run_that_is_not_there_is_trouble(tmp_path):
    assert gage("watch", cwd=tmp_path).code == 125
    assert gage("watch", "x", cwd=tmp_path).err.startswith("gage watch: ")


def test_what_is_watched_is_what_runs_and_is_no_step_of_it(tmp_path, home):
    write_run(home, 9, "newest")
    parent = write_run(home, 1, "all", exit=None)
    step = write_run(home, 2, "step", exit=None, facts={"parent": parent})
    for id in (parent, step):
        put(f"{home}/{id}.meta/started", b"1763726400000000\n")
    with at_work(home, parent), at_work(home, step):
        watching = subprocess.Popen(
            [GAGE, "watch"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout.readline() == f"all {parent[:8]}: running\n"
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert err == f"gage watch: {parent[:8]} goes on\nhint: gage runs stop {parent[:8]}\n"


def test_a_staged_run_is_waited_for(tmp_path):
    project = Project(tmp_path, "op: {exec: echo 3 rows}\n")
    id = project.run("--stage", "op").out.strip()
    watching = Terminal(GAGE, "watch", cwd=project.path, env=QUICK)
    watching.wait_for("· op .* staged|· op")
    time.sleep(0.3)
    assert project.run("--start", id).code == 0
    text, code = watching.end()
    assert code == 0
    assert text.startswith(f"✓ op {id[:8]}  completed") and text.endswith("3 rows")


def test_watching_changes_nothing(tmp_path, home):
    write_steps(home)
    before = {path: os.stat(path).st_mtime_ns for path in _paths(home)}
    gage("watch", "steps-restart", cwd=tmp_path)
    assert {path: os.stat(path).st_mtime_ns for path in _paths(home)} == before


def _paths(folder):
    return [os.path.join(top, name) for top, _, files in os.walk(folder) for name in files]
