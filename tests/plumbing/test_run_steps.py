"""gage-run-steps: every step in its turn, and what its link leads to."""

import os

import pytest

from gage import clock
from gage.errors import StateError
from gage.locks import holding
from gage.run import open_run
from gage.status import run_status
from gage.step_plan import plan_steps
from tests.fsck_runs import replaced
from tests.pipelines import Project, chain, done
from tests.programs import program, read, write
from tests.staged import staged_run

EXPECTING = """\
a: {exec: 'echo "loss: $FLAG_X"; test -z "$FLAG_FILE" || echo > $FLAG_FILE; exit $FLAG_CODE',
    flags: {x: 1, code: 0, file: ''}, metrics: {loss: 'loss: (.*)'}}
b: 'true'
p:
  flags: {x: 1, code: 0, file: out.txt}
  steps:
    - run: a x=${x} code=${code} file=${file}
      expect: {files: '*.txt', metrics: {loss: '< 2'}}
    - b
q:
  flags: {code: 3}
  steps:
    - run: a code=${code}
      expect: {exit: 3}
    - b
"""

NEEDED = """\
a: {exec: 'echo $FLAG_X; echo $FLAG_X > out', flags: {x: 1}}
b: {exec: 'cat out', depends: [{run: a}]}
own: {flags: {x: 1, y: 1}, steps: ["a x=${x}", "a x=${y} --needed", b]}
any:
  flags: {x: 1}
  steps:
    - {run: "a x=${x} --needed", isolate-runs: no}
    - b
"""


@pytest.mark.parametrize(
    ("given", "trouble"),
    [
        ("file=", "no file *.txt"),
        ("x=2", "loss is 2, expected < 2"),
        ("code=4", "exit code 4, expected 0"),
    ],
)
def test_a_step_that_is_not_as_expected_stops_the_pipeline_and_says_why(tmp_path, given, trouble):
    project = Project(tmp_path, EXPECTING)
    told = project.run("p", given)
    assert told.err.splitlines()[1:] == [f"ERROR: [gage] step a: {trouble}"]
    assert told.code == (4 if given == "code=4" else 1)
    assert project.listing()[-1] == "b staged"
    # What completed and is not as expected is not done.
    assert done(project.restart("p@", "--needed")) == ["restarting a"]
    name, mended = given.partition("=")[0], {"file": "o.txt", "x": 1, "code": 0}
    told = project.restart("p@", "--needed", f"{name}={mended[name]}")
    assert (told.code, done(told)) == (0, ["restarting a", "running b"])


@pytest.mark.parametrize("text", ["", "soon", "9" * 5000])
def test_a_start_that_is_damaged_is_named_with_its_run(tmp_path, text):
    project = chain(tmp_path / "project")
    assert project.run("all").code == 0
    parent = project.newest("all")
    step = project.newest("train")
    replaced(step.run_dir, "started", text)
    told = project.restart("all@", "--needed")
    assert told.code == 125
    assert f"{step.name}.meta/started: this fact is damaged" in told.err
    replaced(parent.run_dir, "started", text)
    with pytest.raises(StateError, match=f"{parent.name}.meta/started: this fact is damaged"):
        plan_steps(parent)


def test_a_step_that_shall_fail_is_done_when_it_does(tmp_path):
    project = Project(tmp_path, EXPECTING)
    assert project.run("q").code == 0
    assert project.states(project.newest("q")) == {
        "a": 'error x=1 code=3 file=""',
        "b": "completed",
    }
    assert done(project.restart("q@", "--needed")) == []
    assert project.restart("q@", "code=0").code == 1


def test_a_needed_step_links_the_equal_run_of_its_own_pipeline(tmp_path):
    project = Project(tmp_path, NEEDED)
    assert project.run("own").out == "1\n1\n"
    parent = project.newest("own")
    steps = project.steps(parent)
    assert steps["a"].id == steps["a_2"].id
    assert len(project.rows("a")) == 1
    # Another value for one of them is no reason to show it as the other.
    assert project.restart("own@", "x=5").out == "5\n1\n1\n"
    steps = project.steps(parent)
    assert [steps[name].settings for name in ("a", "a_2")] == ["x=5", "x=1"]
    assert project.restart("own@", "y=7").out == "5\n7\n7\n"
    assert project.run("own").out == "1\n1\n", "another pipeline's run was taken"


def test_a_needed_step_that_is_not_isolated_links_the_equal_run_of_any(tmp_path):
    project = Project(tmp_path, NEEDED)
    project.run("a", "x=1")
    lone = project.newest("a")
    told = project.run("any")
    assert (done(told), told.out) == (["running b"], "1\n")
    parent = project.newest("any")
    assert project.steps(parent)["a"].id == lone.id
    # It is not ours to run again: with another value it is another run.
    told = project.restart("any@", "x=2")
    assert (done(told), told.out) == (["running a", "restarting b"], "2\n2\n")
    assert project.steps(parent)["a"].id != lone.id
    assert read(f"{lone.run_dir}/out") == "1\n"


def test_what_is_equal_is_not_what_another_source_made(tmp_path):
    project = chain(tmp_path)
    assert project.run("all").code == 0
    told = project.run("all", "--needed")
    assert told.err.startswith("gage run: not needed: ")
    assert len(project.rows("all")) == 1
    assert len(project.rows("train")) == 1
    project.write("train.py", read(f"{project.path}/train.py") + "# edited\n")
    assert project.run("all", "--needed").code == 0
    assert len(project.rows("all")) == 2


def test_a_dependency_that_no_step_before_makes_is_found_before_anything_runs(tmp_path):
    project = chain(tmp_path)
    text = read(f"{project.path}/gage.yaml")
    project.write("gage.yaml", text.replace('"prepare n=${n}", ', ""))
    told = project.run("all")
    assert told.err == (
        "gage run: step train: depends on a run of prepare, and no step that it needs is one\n"
        "hint: `isolate-runs: no` in the step takes the runs of others, too\n"
    )
    assert project.listing() == []


def test_isolate_runs_no_takes_the_runs_of_others(tmp_path):
    project = chain(tmp_path)
    text = read(f"{project.path}/gage.yaml")
    project.write(
        "gage.yaml",
        text.replace(
            '"prepare n=${n}", "train lr=${lr}"', '{run: "train lr=${lr}", isolate-runs: no}'
        ),
    )
    project.run("prepare", "n=4")
    assert project.run("all").out == "training 0.1 None 4\n0.1 None 4"
    project.run("prepare", "n=6")
    told = project.restart("all@", "--needed")
    assert told.out == "training 0.1 None 6\n0.1 None 6"


def test_a_pipeline_is_built_and_run_by_hand_from_plumbing(tmp_path):
    project = chain(tmp_path)
    write(
        f"{tmp_path}/by-hand",
        """set -e
        echo '{"sourcecode": false}' > none.json
        all=$(gage-init runs/all --opdef none.json -- gage-run-steps .)
        gage-stage $all -q
        for step in prepare train evaluate; do
            run=$(gage-init runs/$step --parent $all $step)
            gage-stage $run -q
            gage-link-steps $all $run
            gage-exec $run
            gage-finalize $run
        done
        gage-link-steps $all
        """,
    )
    told = program("sh", "by-hand", cwd=project.path)
    assert (told.out, told.err) == (
        "training 0.5 None 1\n0.5 None 1"
        "prepare\tok\truns/prepare\ntrain\tok\truns/train\nevaluate\tok\truns/evaluate\n",
        "",
    )
    # All is done already, and a step that is to run again says so.
    assert program("gage-run-steps", "runs/all", cwd=project.path) == ("", "", 0)
    assert program("gage-reopen", "runs/train", "lr=2", cwd=project.path).code == 0
    told = program("gage-run-steps", "--needed", "runs/all", cwd=project.path)
    assert done(told) == ["running train"]
    os.rename(f"{tmp_path}/runs/train.meta", f"{tmp_path}/away")
    told = program("gage-run-steps", "runs/all", cwd=project.path)
    assert told.code == 125
    assert told.err == (
        "gage-run-steps: unexpected step run link runs/all/train: expected a link to a run\n"
    )


def test_a_step_whose_making_was_stopped_is_staged_and_run(tmp_path):
    project = chain(tmp_path)
    project.run("all", "lr=20")
    evaluate = project.newest("evaluate")
    for name in ("staged", "manifest"):
        os.unlink(f"{evaluate.meta_dir}/{name}")
    assert run_status(evaluate) == "pending"
    told = project.restart("all@", "lr=1")
    assert (told.code, told.out) == (0, "training 1.0 None 1\n1.0 None 1")
    assert run_status(evaluate) == "completed"


def test_a_step_whose_removal_was_stopped_is_no_obstacle_to_another(tmp_path):
    project = chain(tmp_path)
    project.run("all", "--stage")
    pipeline, evaluate = project.newest("all"), project.newest("evaluate")
    os.unlink(f"{pipeline.meta_dir}/staged")
    os.unlink(f"{pipeline.meta_dir}/manifest")
    place = f"{project.home}/.trash/{clock.now():016d}-0123abcd.delete"
    os.makedirs(place)
    os.rename(evaluate.meta_dir, f"{place}/{evaluate.name}.meta")
    told = project.restart("all")
    assert (told.code, done(told)) == (0, ["running prepare", "running train", "running evaluate"])
    assert not os.path.exists(evaluate.run_dir)


def test_a_step_that_is_at_work_is_not_run_at_the_same_time(tmp_path):
    project = chain(tmp_path)
    project.run("all", "lr=20")
    train = open_run(project.newest("train").run_dir)
    with holding(train):
        told = project.restart("all@", "lr=1")
    assert told.code != 0
    assert "another process holds the run" in told.err
    assert project.restart("all@", "lr=1").code == 0


def test_a_damaged_step_is_named(tmp_path):
    project = chain(tmp_path)
    project.run("all")
    prepare = project.newest("prepare")
    parent = project.newest("all")
    os.unlink(f"{prepare.meta_dir}/id")
    told = project.restart("all@")
    assert told.err == (
        f"gage restart: step prepare: {project.home}/{prepare.name}: a fact is missing or damaged\n"
        f"hint: gage-fsck {project.home}/{prepare.name}\n"
    )
    assert not os.path.exists(f"{parent.meta_dir}/attempts")


def test_a_pipeline_without_steps_is_not_called_completed(tmp_path):
    parent = staged_run(tmp_path / "runs", ["gage-run-steps", "."], name="all")
    told = program("gage-run-steps", parent.run_dir)
    assert (told.code, told.err) == (
        125,
        f"gage-run-steps: {parent}: has no steps\nhint: gage-link-steps {parent} STEP_DIR...\n",
    )


def test_the_steps_of_a_pipeline_that_has_ended_are_not_run_beside_it(tmp_path):
    project = chain(tmp_path)
    project.run("all")
    parent = project.newest("all")
    told = program("gage-run-steps", parent.run_dir)
    assert told.code == 125
    assert told.err.startswith(f"gage-run-steps: {parent.run_dir}: has ended\nhint: gage-resume ")
