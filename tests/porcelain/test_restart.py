"""gage restart: a run is taken up again, in place, with the code that it was staged with."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from gage.locks import take
from gage.run import open_run
from gage.status import run_status
from tests.pipelines import Project, chain, done
from tests.porcelain.place import gage_on_terminal
from tests.programs import (
    QUICK,
    begun,
    nobody_can_run,
    open_place,
    program,
    read,
    wait_until,
    write,
)

SLOW = """\
first:
  exec: sh -c 'echo first >> {place}/log; {wait}'
second:
  exec: sh -c 'echo second >> {place}/log; cat note.txt'
  sourcecode: note.txt
both:
  steps: [first, second]
"""


@pytest.fixture
def slow(tmp_path):
    """A pipeline whose first step goes on until there is a file ``go``."""
    wait = f"until test -e {tmp_path}/go; do sleep 0.02; done"
    project = Project(tmp_path / "project", SLOW.format(place=tmp_path, wait=wait))
    project.write("note.txt", "as staged\n")
    yield project
    write(f"{tmp_path}/go", "")


def log_of(project):
    path = os.path.join(os.path.dirname(project.path), "log")
    return read(path).split() if os.path.exists(path) else []


def go(project):
    write(os.path.join(os.path.dirname(project.path), "go"), "")


def attempts(run):
    path = os.path.join(run.meta_dir, "attempts")
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


@pytest.mark.parametrize("typed", ["n\n", "\4"])
def test_a_run_is_left_alone_where_the_answer_is_no(tmp_path, typed):
    project = Project(tmp_path, 'op: {exec: "false"}\n')
    assert project.run("op").code == 1
    run = project.newest("op")
    answers = {"[Y/n] ": typed}
    shown, code = gage_on_terminal("restart", "op", cwd=tmp_path, answers=answers, env=QUICK)
    assert f"Restart op {run.id[:8]}? [Y/n] " in shown
    assert (code, attempts(run)) == (1, [])


def test_a_run_is_taken_up_in_place_and_its_attempts_are_kept(tmp_path):
    project = Project(tmp_path, "train: {exec: python train.py, config: train.py}")
    project.write("train.py", "lr = 0.1\nprint(lr)\nif lr > 1:\n    raise SystemExit(4)\n")
    assert project.run("train", "lr=2").code == 4
    run = project.newest("train")
    told = project.restart("1", "lr=0.5")
    assert (told.out, told.err, told.code) == ("0.5\n", "", 0)
    assert project.listing() == ["train completed lr=0.5"]
    assert project.newest("train").id == run.id
    assert attempts(run) == ["1"]
    kept = os.path.join(run.meta_dir, "attempts", "1")
    assert read(f"{kept}/output/40_run") == "2.0\n"
    assert json.loads(read(f"{kept}/config.json")) == {"lr": 2.0}
    assert read(f"{kept}/proc/exit") == "4\n"
    assert project.restart("1").out == "0.5\n"
    assert attempts(run) == ["1", "2"]


def test_a_restart_needs_neither_the_project_nor_its_directory(tmp_path):
    project = chain(tmp_path / "project")
    assert project.run("all", "lr=20").code == 3
    parent = project.newest("all")
    home = str(tmp_path / "runs")
    shutil.copytree(project.home, home, symlinks=True)
    shutil.rmtree(project.path)
    told = project.gage("--runs", home, "restart", "-y", parent.id, "lr=2", cwd="/")
    assert (told.out, told.code) == ("training 2.0 None 1\n2.0 None 1", 0), told.err
    assert done(told) == ["restarting prepare", "restarting train", "running evaluate"]
    told = project.gage("restart", "-y", f"{home}/{parent.id}", cwd="/")
    assert told.code == 0


def test_what_a_run_generated_is_there_when_it_is_restarted_unless_clean(tmp_path):
    project = Project(tmp_path, "count: sh -c 'echo x >> sub/log || mkdir sub; cat sub/log'")
    project.write("note.txt", "")
    project.run("count")
    project.restart("1")
    assert project.restart("1").out == "x\nx\n"
    run = project.newest("count")
    assert project.restart("1", "--clean").code == 1
    assert sorted(os.listdir(run.run_dir)) == ["gage.yaml", "note.txt", "sub"]
    project.restart("1")
    assert project.restart("1").out == "x\nx\n", "--clean sticks to a restart"


def test_a_constant_that_was_none_may_be_of_any_kind_at_every_restart(tmp_path):
    project = chain(tmp_path)
    project.write("data.txt", "here")
    project.write("gage.yaml", "train: {exec: python train.py, config: train.py}")
    assert project.run("train", "extra=3").out == "training 0.5 3 here\n"
    assert project.restart("1", "extra=word").out == "training 0.5 word here\n"
    assert project.restart("1", "extra=").out == "training 0.5 None here\n"
    assert project.restart("1", "extra=yes").out == "training 0.5 True here\n"
    told = project.restart("1", "lr=word")
    assert told.err.startswith("gage restart: lr=word: expected a number (train.py:1 has 0.5)\n")


def test_a_flag_that_widens_its_constant_does_so_at_a_restart(tmp_path):
    project = Project(
        tmp_path,
        "a: {exec: python a.py, config: a.py, flags: {n: {type: number, max: 5}}}",
        a_py="n = 1\nprint(n)\n",
    )
    assert project.run("a").out == "1\n"
    assert project.restart("1", "n=0.5").out == "0.5\n"
    assert project.restart("1", "n=2").out == "2\n"
    assert project.restart("1", "n=word").code == 125
    assert project.restart("1", "n=6").code == 125
    assert project.listing() == ["a completed n=2"]


def test_a_value_that_was_forced_stays_and_needs_no_force_again(tmp_path):
    project = Project(
        tmp_path,
        "a: {exec: python a.py, config: a.py, flags: {n: {max: 5}}}",
        a_py="n = 1\nm = 1\nprint(n, m)\n",
    )
    assert project.run("a", "--force-flags", "n=9", "m=word").out == "9 word\n"
    assert project.restart("1").out == "9 word\n"
    assert project.restart("1", "m=2").out == "9 2\n"


def test_needed_leaves_a_completed_run_alone_of_which_nothing_changes(tmp_path):
    project = Project(tmp_path, "a: {exec: python a.py, config: a.py}", a_py="n = 1\nprint(n)\n")
    project.run("a")
    run = project.newest("a")
    told = project.restart("1", "-n", "n=1")
    assert (told.out, told.code) == ("", 0)
    assert told.err == f"gage restart: not needed: {run.id} is completed, and nothing changed\n"
    assert project.restart("1", "--needed", "n=2").out == "2\n"
    assert attempts(run) == ["1"]
    project.write("a.py", "n = 1\nprint('edited')\n")
    assert project.restart("1", "--needed", "--force-sourcecode").out == "edited\n"


def test_a_run_is_needed_where_what_it_made_is_not_as_it_was_or_its_variables_differ(tmp_path):
    text = "op: {exec: 'echo $MODE > made', env: {MODE: fast}, sourcecode: [x.py]}\n"
    project = Project(tmp_path, text, x_py="")
    assert project.gage("run", "-y", "op").code == 0

    def is_needed(*words):
        return "not needed" not in project.gage(*words, "-y", "--needed").err

    assert not is_needed("run", "op")
    made = f"{project.newest('op').run_dir}/made"
    os.chmod(made, 0o644)
    os.utime(made)
    assert not is_needed("run", "op") and not is_needed("restart", "op")
    with open(made, "a") as file:
        file.write("more\n")
    assert is_needed("run", "op")
    assert not is_needed("run", "op")
    os.remove(f"{project.newest('op').run_dir}/made")
    assert is_needed("restart", "op")
    project.write("gage.yaml", text.replace("fast", "slow"))
    assert is_needed("run", "op")


def test_with_needed_exactly_the_steps_run_whose_values_or_upstream_changed(tmp_path):
    project = chain(tmp_path)
    assert project.run("all").code == 0
    parent = project.newest("all")
    told = project.restart("all@", "--needed")
    assert told.err.startswith(f"gage restart: not needed: {parent.id} is completed")
    assert attempts(parent) == []
    told = project.restart("all@", "--needed", "lr=2")
    assert done(told) == ["restarting train", "restarting evaluate"]
    assert told.out == "training 2.0 None 1\n2.0 None 1"
    told = project.restart("all@", "--needed", "n=7")
    assert done(told) == ["restarting prepare", "restarting train", "restarting evaluate"]
    assert told.out == "training 2.0 None 7\n2.0 None 7"
    assert run_status(parent) == "completed"
    assert project.states(parent)["prepare"] == "completed n=7"


def test_a_step_that_was_restarted_alone_is_not_called_done_wrongly(tmp_path):
    project = chain(tmp_path)
    project.run("all")
    assert project.restart("train@", "extra=5").out == "training 0.1 5 1\n"
    told = project.restart("all@", "--needed")
    assert (done(told), told.out) == (["restarting evaluate"], "0.1 5 1")
    assert project.restart("prepare@", "n=7").code == 0
    assert project.restart("train@").out == "training 0.1 5 7\n"
    told = project.restart("all@", "--needed")
    # What evaluate took when it ran is what train has come back to.
    assert done(told) == ["restarting prepare", "restarting train"]
    assert told.out == "training 0.1 5 1\n"


def test_who_restarts_a_step_is_told_of_its_pipeline(tmp_path):
    project = Project(
        tmp_path,
        "ok: {exec: echo ok}\n"
        "fail: {exec: 'test ${fail} = no', flags: {fail: yes}}\n"
        "all: {steps: [ok, {run: fail, flags: {fail: '${fail}'}}], flags: {fail: yes}}\n",
    )
    assert project.gage("run", "-y", "all").code == 1
    step, whole = project.newest("fail").id[:8], project.newest("all").id[:8]
    shown, code = gage_on_terminal(
        *("restart", "@", "fail=no"), cwd=project.path, answers={"[Y/n] ": "\n"}
    )
    assert code == 0
    assert f"Restart fail {step} fail=no, a step of all {whole}? [Y/n] " in shown
    assert shown.endswith(
        f"gage restart: {step} is a step of all {whole}, which goes on with\n"
        f"hint: gage restart {whole} --needed fail:fail=no\n"
    )
    told = project.gage("restart", whole, "--needed", "fail:fail=no")
    assert (told.code, done(told)) == (0, [])
    shown, _ = gage_on_terminal("restart", "-y", step, cwd=project.path)
    assert "is a step" not in shown
    assert project.gage("restart", step).err == ""


def test_a_step_that_needs_another_cannot_be_run_alone_before_it(tmp_path):
    project = chain(tmp_path)
    project.run("all", "lr=20")
    told = project.restart("evaluate@")
    assert told.code == 125
    assert told.err == (
        "gage restart: evaluate depends on a completed run of train, "
        "and no step before it is one\n"
        "hint: `isolate-runs: no` in the step takes the runs of others, too\n"
    )
    assert "evaluate staged" in project.listing()
    assert project.restart("all@", "lr=1").code == 0


def test_a_pipeline_within_a_pipeline_is_restarted_with_its_steps(tmp_path):
    project = chain(tmp_path)
    assert project.run("outer").code == 0
    outer = project.newest("outer")
    assert done(project.restart("outer@", "--needed")) == []
    told = project.restart("outer@", "--needed", "all:lr=3")
    assert done(told) == ["restarting all", "restarting train", "restarting evaluate"]
    assert project.restart("train@", "extra=2").code == 0
    told = project.restart("outer@", "-n")
    assert (done(told), told.out) == (["restarting all", "restarting evaluate"], "3.0 2 1")
    assert run_status(outer) == "completed"


def test_an_error_within_a_step_is_found_before_anything_runs_and_names_the_place(tmp_path):
    project = chain(tmp_path)
    told = project.run("outer", "all:train:lr=word")
    assert told.err.startswith("gage run: step all: step train: lr=word: expected a number")
    assert project.listing() == []
    project.run("outer")
    before = project.listing()
    for word, trouble in [
        ("all:train:lr=word", "step all: step train: lr=word: expected a number"),
        ("all:train:zz=1", "step all: step train: zz: no such key in the config\n"),
        ("all:tain:lr=1", "step all: tain:lr: all has no such step\n"),
        ("al:lr=1", "al:lr: outer has no such step\nhint: its steps: all, prepare\n"),
        ("m=1", "m: no such key in the config\n"),
    ]:
        told = project.restart("outer@", word)
        assert told.err.startswith(f"gage restart: {trouble}"), told.err
        assert told.code == 125
    inner = project.steps(project.newest("outer"))["all"]
    os.unlink(os.path.join(inner.run_dir, "train"))
    write(os.path.join(inner.run_dir, "train"), "")
    told = project.restart("outer@")
    path = os.path.join(project.home, inner.id, "train")
    assert told.err == (
        f"gage restart: step all: unexpected step run link {path}: expected a link to a run\n"
    )
    assert project.listing() == before


def test_a_missing_step_is_looked_at_with_the_new_values_before_anything_runs(tmp_path):
    project = chain(tmp_path)
    project.run("all")
    parent = project.newest("all")
    os.unlink(os.path.join(parent.run_dir, "train"))
    assert project.restart("all@", "train:zz=1").err.startswith("gage restart: step train: zz: ")
    project.write("gage.yaml", "prepare: 'true'\n")
    told = project.restart("all@")
    assert told.err.startswith("gage restart: step train: train: no such operation in ")
    assert attempts(parent) == []


def test_steps_as_they_are_defined_now_are_found_wrong_before_anything_changes(tmp_path):
    project = chain(tmp_path)
    project.run("all")
    parent = project.newest("all")
    text = read(f"{project.path}/gage.yaml")
    project.write("gage.yaml", text.replace('"train lr=${lr}"', '"train rate=${lr}"'))
    told = project.restart("all@", "--force-sourcecode")
    assert told.err.startswith("gage restart: step train: rate: train has no such flag\n")
    project.write("gage.yaml", text.replace("evaluate]", "{run: prepare, name: evaluate}]"))
    told = project.restart("all@", "--force-sourcecode")
    run = project.steps(parent)["evaluate"]
    assert told.err == (
        f"gage restart: step evaluate: {project.home}/{run.id}: a run of evaluate, "
        "and the step is prepare\nhint: remove the link to have another run made\n"
    )
    assert attempts(parent) == []
    project.write("gage.yaml", text.replace("evaluate]", "evaluate, prepare n=9]"))
    assert len(done(project.restart("all@"))) == 3
    told = project.restart("all@", "--force-sourcecode")
    assert done(told)[-1] == "running prepare"
    assert project.states(parent)["prepare_2"] == "completed n=9"


def test_a_step_takes_its_files_from_the_last_step_before_it_at_every_attempt(tmp_path):
    project = chain(tmp_path)
    text = read(f"{project.path}/gage.yaml")
    project.write("gage.yaml", text.replace("evaluate]", '"prepare n=2", "train lr=1"]'))
    told = project.run("all")
    assert told.out == "training 0.1 None 1\ntraining 1.0 None 2\n"
    assert project.restart("all@").out == told.out
    assert project.restart("all@", "--needed", "prepare_2:n=3").out == "training 1.0 None 3\n"


def test_one_step_may_be_told_apart_from_the_others_of_its_operation(tmp_path):
    project = Project(
        tmp_path,
        "a: {exec: 'echo $FLAG_X', flags: {x: 0}}\n"
        "p: {steps: [a, a, {run: a, name: last}]}\n"
        "n:b: {exec: 'echo $FLAG_X', flags: {x: 0}}\n"
        "n:p: {steps: [b x=1, a]}\n",
    )
    assert project.run("p", "a_2:x=2", "a:x=1", "last:x=3").out == "1\n2\n3\n"
    assert project.restart("p@", "a:x=5").out == "5\n2\n3\n"
    assert project.run("n:p", "n:b:x=7", "a:x=8").out == "7\n8\n"
    told = project.run("n:p", "c:x=7")
    assert told.err == "gage run: c:x: n:p has no such step\nhint: its steps: b, a\n"


def test_labels_and_tags_of_a_pipeline_are_those_of_its_steps_too(tmp_path):
    project = Project(
        tmp_path,
        "a: 'true'\np: {steps: [a, a --label mine --tag extra]}\nq: {steps: [p]}\n",
    )
    project.run("q", "--label", "all of it", "--tag", "night")
    rows = {name: row for op in "qpa" for name, row in enumerate(project.rows(op), ord(op))}
    assert [row.label for row in rows.values()] == ["all of it", "all of it", "mine", "all of it"]
    assert sorted(project.rows("a")[0].tags) == ["extra", "night"]
    assert list(project.rows("p")[0].tags) == ["night"]


def test_a_pipeline_is_staged_now_and_started_later(slow):
    go(slow)
    told = slow.run("both", "--stage")
    assert slow.listing() == ["second staged", "first staged", "both staged"]
    slow.write("note.txt", "edited\n")
    assert told.out.strip() == slow.newest("both").id
    started = slow.run("--start", told.out.strip()[:8])
    assert (started.out, started.code) == ("as staged\n", 0)
    assert done(started) == ["running first", "running second"]
    assert slow.run("both", "--stage").code == 0
    assert slow.restart("both@").out == "edited\n"


def test_plumbing_that_is_printed_does_with_a_pipeline_what_gage_run_does(slow):
    go(slow)
    script = slow.run("both", "--print").out
    assert slow.listing() == []
    write(f"{slow.path}/../script", script, 0o755)
    told = program("sh", "../script", cwd=slow.path)
    assert (told.out, told.code) == ("as staged\n", 0)
    assert slow.listing() == ["second completed", "first completed", "both completed"]


def test_an_empty_text_is_no_run(tmp_path):
    project = Project(tmp_path, "a: 'true'\n")
    project.run("a")
    expected = "an empty text names no run\nhint: 1 is the newest run of the listing\n"
    assert project.restart("").err == f"gage restart: {expected}"
    assert project.run("--restart", "").err == f"gage run: {expected}"
    assert project.run("--start", "").err == f"gage run: {expected}"
    assert project.listing() == ["a completed"]


def test_what_is_edited_while_the_first_step_runs_is_not_picked_up(slow):
    running = begun("gage", "run", "-y", "both", cwd=slow.path)
    wait_until(lambda: log_of(slow))
    slow.write("note.txt", "edited\n")
    go(slow)
    assert running.wait(30) == 0
    second = slow.newest("second")
    assert read(f"{second.meta_dir}/output/40_run") == "as staged\n"


def test_while_a_restart_is_under_way_everything_else_sees_it(slow):
    go(slow)
    slow.run("both")
    parent = slow.newest("both")
    os.unlink(os.path.join(os.path.dirname(slow.path), "go"))
    running = begun("gage", "restart", "-y", "both@", cwd=slow.path)
    wait_until(lambda: len(log_of(slow)) == 3)
    assert slow.listing() == ["first running", "both running", "second completed"]
    told = slow.restart("both@")
    assert (told.out, told.code) == ("", 11)
    assert told.err.startswith("gage restart: ")
    assert slow.restart("second@").code == slow.restart("first@").code == 11
    assert slow.gage("runs", "rm", "-y", "both@").code == 11
    assert slow.gage("runs", "rm", "-y", "first@").code == 11
    reopened = program("gage-reopen", parent.run_dir)
    assert reopened.code == 11
    go(slow)
    assert running.wait(30) == 0
    assert log_of(slow) == ["first", "second"] * 2


def test_of_two_restarts_at_once_one_is_first_and_the_other_says_so(slow):
    go(slow)
    slow.run("both")
    for _ in range(3):
        os.unlink(os.path.join(os.path.dirname(slow.path), "log"))
        os.unlink(os.path.join(os.path.dirname(slow.path), "go"))
        both = [begun("gage", "restart", "-y", "both@", cwd=slow.path) for _ in range(2)]
        wait_until(lambda pair=both: any(one.poll() is not None for one in pair))
        go(slow)
        assert sorted(one.wait(30) for one in both) == [0, 11]
        assert log_of(slow) == ["first", "second"]


@pytest.mark.parametrize("target", ["gage", "group", "steps"])
def test_a_pipeline_whose_runner_was_killed_is_completed_by_a_restart(slow, target):
    running = begun("gage", "run", "-y", "both", cwd=slow.path)
    wait_until(lambda: log_of(slow))
    first, parent = slow.newest("first"), slow.newest("both")
    command = int(read(f"{first.meta_dir}/proc/lock"))
    if target == "gage":
        running.kill()
    elif target == "group":
        os.killpg(running.pid, signal.SIGKILL)
    else:
        os.kill(int(read(f"{parent.meta_dir}/proc/lock")), signal.SIGKILL)
    running.wait(30)
    wait_until(lambda: not os.path.exists(f"/proc/{command}"))
    wait_until(lambda: run_status(first) not in ("running", "exited"))
    assert [row.split()[1] for row in slow.listing()] == ["terminated", "terminated", "staged"]
    go(slow)
    told = slow.restart("both@")
    assert (told.out, told.code) == ("as staged\n", 0), told.err
    assert done(told) == ["restarting first", "running second"]
    assert log_of(slow) == ["first", "first", "second"]


def test_a_step_of_which_something_lives_still_is_not_restarted(tmp_path):
    project = Project(tmp_path, "a: 'false'\np: {steps: [a]}\n")
    project.run("p")
    parent, step = project.newest("p"), project.newest("a")
    held = take(step, "tree")
    told = project.restart("p@")
    assert told.code == 11
    assert told.err == (
        f"gage restart: step a: {project.home}/{step.id}: still running\n"
        f"hint: gage runs stop {step.id}\n"
    )
    assert attempts(parent) == []
    alone = project.restart("a@")
    assert (alone.code, "is still running" in alone.err) == (11, True)
    os.close(held)
    assert project.restart("p@").code == 1
    assert attempts(parent) == attempts(step) == ["1"]


@pytest.mark.skipif(not nobody_can_run(), reason="an ordinary user cannot run the programs")
def test_an_ordinary_user_can_restart_what_is_read_only(tmp_path):
    with open_place() as place:
        project = chain(f"{place}/project")
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "65534:65534", place], check=True)
        env = {**QUICK, "HOME": place}

        def gage(*words):
            return program("gage", *words, cwd=project.path, env=env, nobody=True)

        assert gage("run", "-y", "all", "lr=20").code == 3
        told = gage("restart", "-y", "all@", "lr=2")
        assert (told.code, told.out) == (0, "training 2.0 None 1\n2.0 None 1"), told.err
        assert gage("restart", "-y", "all@", "--clean", "n=3").code == 0
        write(f"{project.path}/train.py", "lr = 1.0\nopen('model.txt', 'w').write('new')\n")
        told = gage("restart", "-y", "all@", "--force-sourcecode")
        assert (told.code, told.out) == (0, "new"), told.err
        parent = open_run(project.newest("all").run_dir)
        assert attempts(parent) == ["1", "2", "3"]


def test_a_run_whose_staging_was_stopped_is_staged_and_started(tmp_path):
    project = chain(tmp_path)
    assert project.run("all", "lr=0.3", "--stage").code == 0
    pipeline = project.newest("all")
    os.unlink(f"{pipeline.meta_dir}/staged")
    os.unlink(f"{pipeline.meta_dir}/manifest")
    told = project.restart("all")
    assert (told.code, done(told)) == (0, ["running prepare", "running train", "running evaluate"])
    assert run_status(pipeline) == "completed"
    assert project.states(pipeline)["train"] == "completed lr=0.3"


def test_a_value_of_a_step_alone_is_told_to_be_given_to_that_step(tmp_path):
    project = Project(
        tmp_path,
        "train: {exec: 'true', flags: {lr: 0.1}}\n"
        "evaluate: {exec: 'echo ${thr}', flags: {lr: 0.1, thr: 0.5, out: a}}\n"
        "all: {steps: [train, evaluate], flags: {rate: 1}}\n",
    )
    assert project.run("all").code == 0
    for told, message in (
        (project.restart("all", "thr=0.3"), "gage restart: thr: no such key in the config"),
        (project.run("all", "thr=0.3"), "gage run: thr: all has no such flag"),
    ):
        assert told.err == f"{message}\nhint: evaluate:thr=0.3 is for that step\n"
        assert told.code == 125
    for do in (project.restart, project.run):
        hint = "hint: train:lr=1 or evaluate:lr=1 is for that step\n"
        assert do("all", "lr=1").err.endswith(hint)
        assert "hint: evaluate:out=VALUE is for that step\n" in do("all", "out=word").err
        assert "hint: did you mean rate?" in do("all", "rat=1").err
    assert project.restart("all", "evaluate:thr=0.3").out == "0.3\n"
