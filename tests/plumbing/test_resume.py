"""gage-resume: called again and again, it brings a run to its end."""

import os
import shutil
import signal
import subprocess

import pytest

from gage.attempts import attempt_numbers
from gage.beginning import init_run
from gage.errors import LockedError, StateError
from gage.locks import holding, is_held, take
from gage.operation import open_operation, prepare
from gage.plumbing.exec import exec_run
from gage.plumbing.finalize import finalize_run
from gage.plumbing.reopen import reopen_run
from gage.plumbing.resume import resume_run
from gage.plumbing.stage import stage_run
from gage.run import open_run
from gage.status import run_status
from tests.pipelines import CHAIN, TRAIN, Project
from tests.place import ROOT, SCRIPTS
from tests.programs import QUICK, can_be_killed, killed_at, program, read, wait_until, write

# It goes on from its own checkpoint, and fails until that says 2.
COUNTING = (
    "n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n; echo $n; test $n -ge 2 || exit 3"
)


def begun(home, command, name="one"):
    """A run that was initialized and nothing more."""
    told = program("gage-init", f"{home}/{name}", "--", "sh", "-c", command, cwd=str(home))
    assert told.code == 0, told.err
    return open_run(f"{home}/{name}", sync="none")


def staged(home, command, name="one"):
    run = begun(home, command, name)
    stage_run(run, str(home))
    return run


def resumed(run, *options, **more):
    return program("gage-resume", *options, run.run_dir, **more)


def test_a_staged_run_is_run_and_finalized(tmp_path):
    run = staged(tmp_path, "echo hi; exit 0")
    assert resumed(run) == ("hi\n", "", 0)
    assert run_status(run) == "completed"


def test_exec_does_the_same_where_it_is_told_to_resume(tmp_path):
    run = staged(tmp_path, COUNTING)
    for wanted in (("1\n", "", 3), ("2\n", "", 0), ("", "", 0)):
        assert program("gage-exec", "--resume", run.run_dir) == wanted
    assert run_status(run) == "completed"
    assert program("gage-exec", run.run_dir).code == 125


def test_exec_that_resumes_keeps_its_options(tmp_path):
    run = staged(tmp_path, "echo hi; sleep 60")
    told = program("gage-exec", "--resume", "-q", "--timeout", "0.3", run.run_dir)
    assert (told.out, told.code) == ("", 124)
    assert run_status(run) == "terminated"


def test_a_run_that_was_only_begun_is_staged_first(tmp_path):
    run = begun(tmp_path, "echo hi")
    assert resumed(run) == ("hi\n", "", 0)
    assert run_status(run) == "completed"


def test_a_completed_run_is_left_alone(tmp_path):
    run = staged(tmp_path, "echo hi; date +%N > now")
    assert resumed(run, "-q") == ("", "", 0)
    before = read(f"{run}/now")
    assert resumed(run) == ("", "", 0)
    assert read(f"{run}/now") == before
    assert attempt_numbers(run) == []


def test_a_run_that_failed_is_tried_again_from_its_checkpoint(tmp_path):
    run = staged(tmp_path, COUNTING)
    assert resumed(run) == ("1\n", "", 3)
    assert run_status(run) == "error"
    assert resumed(run) == ("2\n", "", 0)
    assert run_status(run) == "completed"
    assert attempt_numbers(run) == [1]


def test_what_ended_by_itself_is_done_once(tmp_path):
    run = staged(tmp_path, COUNTING)
    assert resumed(run, "--once") == ("1\n", "", 3)
    assert resumed(run, "--once") == ("", "", 3)
    assert resumed(run, "--once", "-q") == ("", "", 3)
    assert attempt_numbers(run) == []


def test_what_was_interrupted_is_taken_up_once_too(tmp_path):
    run = staged(tmp_path, "test -e n || { echo > n; kill -TERM $$; }; echo done")
    assert resumed(run, "--once").code == 128 + signal.SIGTERM
    assert run_status(run) == "terminated"
    assert resumed(run, "--once") == ("done\n", "", 0)


def test_a_run_that_was_not_finalized_is_and_is_not_run_again(tmp_path):
    run = staged(tmp_path, "echo hi")
    assert exec_run(run, echo=False) == 0
    assert run_status(run) == "exited"
    assert resumed(run) == ("", "", 0)
    assert run_status(run) == "completed"


def test_a_run_that_failed_and_was_not_finalized_is_tried_again(tmp_path):
    run = staged(tmp_path, COUNTING)
    exec_run(run, echo=False)
    assert resumed(run) == ("2\n", "", 0)
    assert attempt_numbers(run) == [1]


def test_a_reopening_that_was_stopped_goes_on(tmp_path):
    run = staged(tmp_path, COUNTING)
    exec_run(run, echo=False)
    finalize_run(run)
    reopen_run(run)
    os.unlink(f"{run}.meta/staged")
    assert run_status(run) == "pending"
    assert resumed(run) == ("2\n", "", 0)


def test_a_command_that_cannot_be_executed_is_a_run_that_ended(tmp_path):
    run = begun(tmp_path, "exit 0")
    write(f"{run}.meta/proc/cmd.json", '["/no/such/program"]\n')
    assert resumed(run).code == 127
    assert run_status(run) == "error"


def test_the_time_of_a_command_may_be_over(tmp_path):
    run = staged(tmp_path, "sleep 60")
    told = resumed(run, "--timeout", "0.1")
    assert told.code == 124
    assert run_status(run) == "terminated"


def test_a_run_that_was_changed_is_not_run(tmp_path):
    write(f"{tmp_path}/a.txt", "text\n")
    run = staged(tmp_path, "cat a.txt")
    os.chmod(f"{run}/a.txt", 0o600)
    write(f"{run}/a.txt", "other\n")
    told = resumed(run)
    assert told.code == 125
    assert told.err.startswith(f"gage-resume: {run}/a.txt: not as it was staged\n")
    assert run_status(run) == "staged"


def test_no_run_and_a_damaged_one_are_no_jobs(tmp_path):
    told = program("gage-resume", "none", cwd=str(tmp_path))
    assert (told.code, told.err.partition("\n")[0]) == (
        125,
        "gage-resume: none: no run here (none.meta is missing)",
    )
    run = staged(tmp_path, "true")
    os.unlink(f"{run}.meta/id")
    with pytest.raises(StateError, match="missing or damaged"):
        resume_run(open_run(run.run_dir))
    assert program("gage-resume", "--no-such", run.run_dir).code == 125


def test_of_two_at_once_one_works_and_the_other_says_so(tmp_path):
    run = staged(tmp_path, "echo >> times; until test -e go; do sleep 0.02; done")
    first = subprocess.Popen(["gage-resume", run.run_dir], env={**os.environ, **QUICK})
    wait_until(lambda: os.path.exists(f"{run}/times"))
    told = resumed(run)
    assert (told.code, told.out) == (11, "")
    assert told.err == f"gage-resume: {run}: still running\nhint: gage runs stop {run.name}\n"
    assert resumed(run, "-q") == ("", "", 11)
    assert program("gage", "--runs", str(tmp_path), "restart", "-y", f"{run}").code == 11
    write(f"{run}/go", "")
    assert first.wait(30) == 0
    assert read(f"{run}/times") == "\n"


def test_many_at_once_run_it_once(tmp_path):
    run = staged(tmp_path, "echo >> times; sleep 0.3")
    env = {**os.environ, **QUICK}
    many = [subprocess.Popen(["gage-resume", "-q", run.run_dir], env=env) for _ in range(6)]
    codes = sorted(process.wait(60) for process in many)
    assert read(f"{run}/times") == "\n"
    assert set(codes) <= {0, 11}
    assert codes[0] == 0


def test_while_another_holds_it_between_two_verbs_it_is_busy(tmp_path):
    run = staged(tmp_path, "true")
    held = take(run, "restart")
    with pytest.raises(LockedError):
        resume_run(run)
    os.close(held)
    with holding(run), pytest.raises(LockedError):
        resume_run(run)
    assert resume_run(run, echo=False) == 0


def test_a_job_that_is_killed_is_taken_up(tmp_path):
    run = staged(tmp_path, "echo >> times; test -e go || exec sleep 60; echo done")
    job = subprocess.Popen(["gage-resume", run.run_dir], env={**os.environ, **QUICK})
    wait_until(lambda: os.path.exists(f"{run}/times"))
    job.kill()
    job.wait()
    wait_until(lambda: not is_held(run, "tree"))
    assert run_status(run) == "terminated"
    write(f"{run}/go", "")
    assert resumed(run) == ("done\n", "", 0)
    assert read(f"{run}/times") == "\n\n"
    assert attempt_numbers(run) == [1]
    assert program("gage-fsck", run.run_dir).code == 0


def test_what_a_killed_job_left_running_is_not_run_over(tmp_path):
    run = staged(tmp_path, "test -e pid && exit 0; sleep 60 & echo $! > pid; wait")
    job = subprocess.Popen(["gage-resume", run.run_dir], env={**os.environ, **QUICK})
    wait_until(lambda: os.path.exists(f"{run}/pid") and read(f"{run}/pid").strip())
    job.kill()
    job.wait()
    told = resumed(run)
    assert (told.code, "still running" in told.err) == (11, True)
    os.kill(int(read(f"{run}/pid")), signal.SIGKILL)
    wait_until(lambda: not is_held(run, "tree"))
    assert resumed(run).code == 0


@pytest.mark.skipif(not can_be_killed(), reason="strace cannot inject here")
def test_a_job_killed_at_any_moment_is_brought_to_its_end_by_the_next(tmp_path):
    """Killed while it reopens, starts or finalizes, it never loses or repeats what is done."""
    calls = ("rename", "renameat2", "unlink", "unlinkat", "fchmod", "link", "linkat")
    many = 0
    for count in range(1, 120, 2):
        home = tmp_path / str(count)
        home.mkdir()
        run = staged(home, COUNTING)
        exec_run(run, echo=False)
        finalize_run(run)
        killed = killed_at(count, calls, ["gage-resume", "-q", run.run_dir], str(home))
        wait_until(lambda run=run: not is_held(run, "tree"))
        assert resumed(run, "-q") == ("", "", 0)
        assert run_status(run) == "completed"
        assert read(f"{run}.meta/attempts/1/proc/exit") == "3\n"
        assert program("gage-fsck", run.run_dir) == ("", "", 0)
        shutil.rmtree(home)
        many += killed
        if not killed:
            break
    else:
        raise AssertionError("it never came to its end")
    assert many > 10


def test_a_pipeline_goes_on_with_the_step_that_failed(tmp_path):
    project = Project(tmp_path, CHAIN, train_py=TRAIN)
    told = project.gage("run", "all", "lr=11", "-y")
    assert told.code == 3
    home = project.home
    path = program("gage-ls-runs", "--runs", home, "--filter", "op = all").out.strip()
    evaluated = program("gage-resume", path)
    assert evaluated.code == 3
    assert "restarting train" in evaluated.err
    assert "prepare" not in evaluated.err
    step = program("gage-ls-runs", "--runs", home, "--filter", "op = train").out.strip()
    assert attempt_numbers(open_run(step)) == [1]


def test_a_pipeline_that_is_killed_is_taken_up(tmp_path):
    text = """\
first: {exec: sh -c 'echo first >> ../times'}
second: {exec: sh -c 'echo second >> ../times; test -e ../go || exec sleep 60'}
both: {steps: [first, second]}
"""
    project = Project(tmp_path, text)
    told = project.gage("run", "both", "--stage", "--run-dir", "runs/all", "-y")
    assert told.code == 0, told.err
    run = open_run(f"{tmp_path}/runs/all", sync="none")
    times = f"{tmp_path}/runs/times"
    job = subprocess.Popen(["gage-resume", "-q", run.run_dir], env={**os.environ, **QUICK})
    wait_until(lambda: os.path.exists(times) and "second" in read(times))
    job.kill()
    job.wait()
    wait_until(lambda: not is_held(run, "tree"))
    write(f"{tmp_path}/runs/go", "")
    wait_until(lambda: resumed(run, "-q").code == 0)
    assert read(times) == "first\nsecond\nsecond\n"
    assert run_status(run) == "completed"


def test_a_step_is_not_resumed_under_the_hands_of_its_pipeline(tmp_path):
    text = "one: {exec: 'true'}\ntwo: {exec: sleep 60}\nboth: {steps: [one, two]}\n"
    project = Project(tmp_path, text)
    assert project.gage("run", "both", "--stage", "--run-dir", "runs/all", "-y").code == 0
    job = subprocess.Popen(
        ["gage-resume", "-q", f"{tmp_path}/runs/all"],
        env={**os.environ, **QUICK},
        stderr=subprocess.DEVNULL,
    )
    two = open_run(os.path.realpath(f"{tmp_path}/runs/all/two"))
    wait_until(lambda: run_status(two) == "running")
    one = open_run(os.path.realpath(f"{tmp_path}/runs/all/one"))
    with pytest.raises(LockedError, match="a step of"):
        resume_run(one)
    job.terminate()
    assert job.wait(30) == 128 + signal.SIGTERM
    assert run_status(open_run(f"{tmp_path}/runs/all")) == "terminated"


def many(home):
    """Five staged runs, of which number 3 fails, and their names ended by NUL."""
    for n in range(1, 6):
        staged(home, f"echo >> times; test {n} != 3", f"n{n}")
    return program("gage-ls-runs", "--runs", str(home), "-z", "--filter", "status != completed").out


@pytest.mark.parametrize(
    "owner",
    [["xargs", "-0", "-P3", "-n1", "gage-resume", "-q"], ["parallel", "-0", "-j3", "gage-resume"]],
    ids=lambda words: words[0],
)
def test_what_starts_jobs_owns_runs(tmp_path, owner):
    if not shutil.which(owner[0]):
        pytest.skip(f"{owner[0]} is not installed")
    names = many(tmp_path)
    env = {"HOME": str(tmp_path), "PARALLEL_HOME": str(tmp_path / "p")}
    told = program(*owner, input=names, cwd=str(tmp_path), env=env)
    assert told.code != 0, told
    told = program("gage-ls-runs", "--runs", str(tmp_path), "--format", "%(name) %(status)")
    assert sorted(told.out.splitlines()) == [
        "n1 completed",
        "n2 completed",
        "n3 error",
        "n4 completed",
        "n5 completed",
    ]
    # Once more: the four that are done stay as they are.
    program(*owner, input=names, cwd=str(tmp_path), env=env)
    assert [read(f"{tmp_path}/n{n}/times").count("\n") for n in range(1, 6)] == [1, 1, 2, 1, 1]


def test_the_verb_is_part_of_the_python_interface(tmp_path):
    from gage.plumbing import resume_run as verb

    prepared = prepare(open_operation(Project(tmp_path, "t: {exec: 'exit 4'}\n").path, "t"), {})
    run = init_run(f"{tmp_path}/runs/one", prepared, str(tmp_path), sync="none")
    assert verb(run, echo=False) == 4
    assert verb(run, echo=False, once=True) == 4
    assert attempt_numbers(run) == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_on_the_page_is_one_for_systemd(tmp_path):
    page = read(os.path.join(ROOT, "man", "man1", "gage-resume.1"))
    unit = page[page.index("[Service]") : page.index(".Ed", page.index("[Service]"))]
    assert "ExecStart=/usr/local/bin/gage-resume " in unit
    unit = unit.replace("/usr/local/bin/gage-resume", os.path.join(SCRIPTS, "gage-resume"))
    write(f"{tmp_path}/nightly.service", unit)
    told = program("systemd-analyze", "verify", f"{tmp_path}/nightly.service")
    assert told.code == 0, told


def test_the_line_of_the_crontab_on_the_page_is_silent_while_the_run_is_busy(tmp_path):
    page = read(os.path.join(ROOT, "man", "man1", "gage-resume.1"))
    line = next(line for line in page.splitlines() if line.startswith("*/10 "))
    run = staged(tmp_path, "echo hi")
    script = line.split(" ", 5)[5].replace("/srv/runs/nightly", run.run_dir)
    with holding(run):
        assert program("sh", "-c", script) == ("", "", 11)
    assert program("sh", "-c", script) == ("", "", 0)
    assert run_status(run) == "completed"
