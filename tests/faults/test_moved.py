"""Runs that were moved, copied, archived or made elsewhere, and runs that lose a directory:
each is what its files say, goes on from there, and is never told to run where it does not.
"""

import json
import os
import shutil
import signal
import subprocess

import pytest

from gage.manifest import read_manifest
from gage.run import open_run
from tests.pipelines import chain, done
from tests.place import environment, lived_in
from tests.programs import QUICK, begun, program, read, wait_until, write

MAKE = "open('made', 'w').write(open('data').read())\nprint('made')\n"


@pytest.fixture(autouse=True)
def place(tmp_path):
    with lived_in(str(tmp_path), environment(str(tmp_path)), umask=0o022):
        write("project/gage.yaml", "make: {exec: python make.py, flags: {n: 1}}\n")
        write("project/make.py", MAKE)
        write("project/data", "data")
        yield str(tmp_path)


def told(*words, code=0):
    """What a program printed, where it ended as it should and had no trouble to tell."""
    done = program(*words)
    assert done.code == code, (words, done)
    assert "Traceback" not in done.err
    return done.out


def run_until(verb, run="runs/one"):
    """A run that has lived its life up to *verb*."""
    told("gage-init", run, "-C", "project", "make")
    for step in ("gage-stage", "gage-exec", "gage-finalize"):
        if verb == "gage-init":
            break
        told(step, run)
        if step == verb:
            break
    return run


def moved(how, run="runs/one", to="elsewhere/two"):
    """Move or copy *run* and its facts, and nothing else, in one of the ways people do."""
    os.makedirs(os.path.dirname(to), exist_ok=True)
    if how == "tar":
        names = [name for name in (run, f"{run}.meta", f"{run}.user") if os.path.exists(name)]
        subprocess.run(["tar", "-czf", "runs.tar.gz", *names], check=True)
        shutil.rmtree("runs")
        subprocess.run(["tar", "-xzf", "runs.tar.gz", "-C", os.path.dirname(to)], check=True)
        return os.path.join(os.path.dirname(to), run)
    for end in ("", ".meta", ".user"):
        if os.path.exists(run + end):
            if how == "move":
                os.rename(run + end, to + end)
            else:
                subprocess.run(["cp", "-a", run + end, to + end], check=True)
    if how == "other machine":
        # As if: another host, another boot, nothing of the project, nothing beside the run.
        put_fact(to, "sys/host.json", '"elsewhere"\n')
        put_fact(to, "sys/project.json", '"/nowhere/project"\n')
        shutil.rmtree("runs")
        shutil.rmtree("project")
    return to


def put_fact(run, name, text):
    path = f"{run}.meta/{name}"
    os.unlink(path)
    write(path, text, 0o444)


WAYS = ["move", "copy", "tar", "other machine"]


@pytest.mark.parametrize("how", WAYS)
def test_a_staged_run_is_executed_wherever_it_was_taken(how):
    run_until("gage-stage")
    run = moved(how)
    assert told("gage-status", run) == "staged\n"
    assert told("gage-exec", run) == "made\n"
    assert told("gage-status", run) == "exited\n"
    told("gage-finalize", run)
    assert told("gage-status", run) == "completed\n"
    assert read(f"{run}/made") == "data"
    assert told("gage-manifest", "--check", run) == ""


@pytest.mark.parametrize("how", WAYS)
def test_a_finished_run_is_looked_at_and_restarted_wherever_it_was_taken(how):
    run_until("gage-finalize")
    told("gage", "--runs", "runs", "runs", "label", "best", "1")
    before = json.loads(told("gage", "--runs", "runs", "show", "--json", "1"))
    run = moved(how)
    home = os.path.dirname(run)
    assert told("gage-status", run) == "completed\n"
    after = json.loads(told("gage", "--runs", home, "show", "--json", "1"))
    same = ("id", "status", "label", "config", "started", "stopped", "files")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert told("gage", "--runs", home, "log", "1") == "made\n"
    assert told("gage-manifest", "--check", run) == ""
    told("gage", "--runs", home, "restart", "-y", "1", "n=2")
    after = json.loads(told("gage", "--runs", home, "show", "--json", "1"))
    assert (after["status"], after["config"]) == ("completed", {"n": 2})
    for words in (["rm", "-y", "1"], ["restore", "1"]):
        told("gage", "--runs", home, "runs", *words)
    assert told("gage-status", run) == "completed\n"


@pytest.mark.parametrize("how", WAYS)
def test_a_run_that_ended_where_it_is_no_more_is_not_known_to_have_ended_well(how):
    """The note of the end lies with the locks; without it the code has to be told."""
    run_until("gage-exec")
    run = moved(how)
    assert told("gage-status", run) == "terminated\n"
    told("gage-finalize", "--exit-code", "0", run)
    assert told("gage-status", run) == "completed\n"
    assert "made" in {entry.path for entry in read_manifest(open_run(run))}


@pytest.mark.parametrize("how", ["move", "tar"])
def test_a_pipeline_is_moved_with_its_steps_and_taken_up_there(tmp_path, how):
    project = chain(tmp_path / "pipe")
    assert project.run("all", "lr=20").code == 3
    elsewhere = str(tmp_path / "pipe" / "elsewhere")
    if how == "move":
        os.makedirs(elsewhere)
        for name in os.listdir(project.home):
            if not name.startswith("."):
                os.rename(f"{project.home}/{name}", f"{elsewhere}/{name}")
    else:
        os.makedirs(elsewhere)
        subprocess.run(["tar", "-C", project.home, "-cf", "all.tar", "."], check=True)
        subprocess.run(["tar", "-C", elsewhere, "-xf", "all.tar"], check=True)
        shutil.rmtree(project.home)
    project.home = elsewhere
    parent = project.newest("all")
    assert project.states(parent) == {
        "evaluate": "staged",
        "prepare": "completed n=1",
        "train": "error lr=20.0",
    }
    again = project.gage("--runs", "elsewhere", "restart", "-y", "--needed", parent.id, "lr=0.1")
    assert (again.code, done(again)) == (0, ["restarting train", "running evaluate"])
    assert {row.status for row in project.steps(parent).values()} == {"completed"}


@pytest.fixture
def running():
    """A run whose command waits at the FIFO ``gate``, and then writes and ends."""
    os.mkfifo("gate")
    script = f"echo begun; read x < {os.getcwd()}/gate; echo $x; echo x > made"
    told("gage-init", "runs/one", "--", "sh", "-c", script)
    told("gage-stage", "runs/one", "-C", "project")
    output = "runs/one.meta/output/40_run"
    runner = begun("gage-exec", "runs/one", cwd=os.getcwd())
    try:
        wait_until(lambda: os.path.exists(output) and read(output))
        yield runner
    finally:
        if runner.poll() is None:
            os.killpg(runner.pid, signal.SIGKILL)
        runner.wait()


def let_go(runner):
    write("gate", "end\n", 0o600)
    return runner.wait(30)


def test_a_run_that_is_moved_while_it_runs_still_runs_and_nobody_gets_at_it(running):
    run = moved("move", to="runs/two")
    assert told("gage-status", run) == "running\n"
    assert program("gage-status", "runs/one").code == 10
    for verb in ("finalize", "reopen", "stage", "exec"):
        assert program(f"gage-{verb}", run).code == 11, verb
    assert program("gage", "--runs", "runs", "runs", "rm", "-y", "1").code == 11
    assert program("gage", "--runs", "runs", "restart", "-y", "1").code == 11
    assert "running" in told("gage", "--runs", "runs", "show", "1")
    assert let_go(running) == 0
    assert told("gage-status", run) == "terminated\n"
    told("gage-finalize", "--exit-code", "0", run)
    assert told("gage-output", run) == "begun\nend\n"
    assert told("gage-status", run) == "completed\n"
    assert not os.path.lexists("runs/one.meta")


def test_a_copy_of_a_run_that_runs_does_not_run(running):
    run = moved("copy", to="runs/two")
    assert told("gage-status", "runs/one", run) == "running\nterminated\n"
    told("gage-finalize", run)
    assert told("gage-status", "runs/one", run) == "running\nterminated\n"
    assert let_go(running) == 0
    told("gage-finalize", "runs/one")
    assert told("gage-status", "runs/one", run) == "completed\nterminated\n"
    assert told("gage-output", run) == "begun\n"


def test_a_run_that_is_moved_by_a_runner_of_people_ends_in_one_line(tmp_path):
    os.mkfifo("gate")
    script = f"sh -c 'read x < {tmp_path}/gate'"
    write("project/gage.yaml", f"make: {{exec: {script}, sourcecode: []}}\n")
    runner = subprocess.Popen(
        ["gage", "run", "-y", "make", "--run-dir", "../runs/one"],
        cwd="project",
        env={**os.environ, **QUICK},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: os.path.exists("runs/one.meta/proc/lock"))
    run = moved("move", to="runs/two")
    write("gate", "end\n", 0o600)
    _, err = runner.communicate(timeout=30)
    assert runner.returncode == 125
    assert b"Traceback" not in err
    assert err.decode().splitlines()[-1].startswith("gage run: ../runs/one: its meta dir is gone")
    assert told("gage-status", run) == "terminated\n"


def test_two_runs_with_one_id_are_both_listed_and_to_name_them_is_ambiguous():
    run_until("gage-finalize")
    run = moved("copy", to="runs/two")
    id = open_run(run).id
    assert sorted(told("gage-ls-runs", "--runs", "runs").split()) == ["runs/one", "runs/two"]
    for spec in (id, id[:8]):
        done = program("gage-select", "--runs", "runs", spec)
        assert (done.out, done.code) == ("", 10)
        assert f"{spec}: 2 runs " in done.err
    assert told("gage-select", "--runs", "runs", "two") == "runs/two\n"
    told("gage", "--runs", "runs", "restart", "-y", "runs/two")
    told("gage", "--runs", "runs", "runs", "rm", "-y", "two")
    told("gage", "--runs", "runs", "runs", "restore", "1")
    told("gage", "--runs", "runs", "runs", "rm", "-y", "one", "two")
    told("gage", "--runs", "runs", "runs", "purge", "-y", "1", "2")
    assert told("gage-ls-runs", "--runs", "runs") == ""


def test_a_run_that_is_named_after_its_id_is_meant_by_it_whatever_else_has_it():
    told("gage-init", "runs/", "-C", "project", "make")
    (original,) = told("gage-ls-runs", "--runs", "runs").split()
    moved("copy", original, "runs/copy")
    assert told("gage-select", "--runs", "runs", os.path.basename(original)) == f"{original}\n"


# What the command takes away.


GONE = {
    "the run dir": ('rm -rf "$RUN_DIR"', "error"),
    "the meta dir": ('rm -rf "$RUN_DIR.meta"', ""),
    "the run": ('rm -rf "$RUN_DIR" "$RUN_DIR.meta"', ""),
    "the runs home": ('rm -rf "$(dirname "$RUN_DIR")"', ""),
}


@pytest.mark.parametrize("what", GONE)
def test_what_the_command_takes_away_is_said_in_one_line_and_spares_others(what):
    script, status = GONE[what]
    write("project/gone.sh", f"{script}\nexit 4\n")
    write("project/gage.yaml", "gone: {exec: sh gone.sh, sourcecode: [gone.sh]}\n")
    run_until_other = "other/one"
    told("gage-init", run_until_other, "--", "true")
    told("gage-init", "runs/one", "-C", "project", "gone")
    told("gage-stage", "runs/one")
    told("gage-exec", "runs/one", code=4)
    done = program("gage-finalize", "runs/one")
    assert len(done.err.splitlines()) == 1 and "runs/one" in done.err
    if status:
        assert done.code == 0
        assert told("gage-status", "runs/one") == f"{status}\n"
        told("gage-ls-runs", "--runs", "runs")
    else:
        assert done.code == 10
        assert program("gage-status", "runs/one").code == 10
        assert told("gage-ls-runs", "--runs", "runs") == ""
    told("gage-init", "runs/two", "--", "true")
    assert told("gage-status", "runs/two", "other/one") == "pending\npending\n"


@pytest.mark.parametrize("what", GONE)
def test_a_run_of_people_whose_command_takes_something_away_ends_in_one_line(what):
    script, _ = GONE[what]
    write("project/gone.sh", f"{script}\nexit 4\n")
    write("project/gage.yaml", "gone: {exec: sh gone.sh, sourcecode: [gone.sh]}\n")
    done = subprocess.run(
        ["gage", "--runs", "../runs", "run", "-y", "gone"],
        cwd="project",
        env={**os.environ, **QUICK},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (4 if what == "the run dir" else 125)
    assert done.stderr.splitlines()[-1].startswith(("gage run: ", "hint: "))
