import json
import os

import pytest

from gage.run import open_run
from tests.fsck_runs import replaced
from tests.pipelines import Project, chain
from tests.porcelain.place import at_work
from tests.programs import write


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, "op:\n  exec: sh -c 'echo x > made'\n  flags: {x: 1}\n")
    for x in "12":
        assert project.run("op", f"x={x}", "-q").code == 0
    return project


def runs_of(project):
    """The run dirs of ``x=1`` and ``x=2``."""
    rows = {row.settings: row.run_dir for row in project.rows("op")}
    return rows["x=1"], rows["x=2"]


def test_runs_that_are_as_they_should_be_are_counted(project):
    assert project.gage("check", "--runs") == ("2 runs: ok\n", "", 0)
    assert project.gage("check", "--runs", "1") == ("1 run: ok\n", "", 0)
    assert project.gage("check", "--runs", "-Fe", "x = 3") == ("0 runs: ok\n", "", 0)
    assert project.gage("check", "--runs", "-q") == ("", "", 0)
    assert project.gage("check", "--runs", "--json") == ("", "", 0)
    assert project.gage("check", "--runs", cwd="/").out == "0 runs: ok\n"
    assert project.gage("--runs", project.home, "check", "--runs", cwd="/").out == "2 runs: ok\n"


def test_what_is_wrong_is_said_run_by_run(project):
    one, two = runs_of(project)
    os.unlink(f"{one}/made")
    os.chmod(f"{two}.meta/id", 0o644)
    told = project.gage("check", "--runs")
    id_one, id_two = os.path.basename(one)[:8], os.path.basename(two)[:8]
    assert told.out.split("\n") == [
        f"{id_two}  op  completed",
        "  warning: .meta/id: should be read-only",
        f"{id_one}  op  completed",
        "  error: made: is gone"
        f" (bring it back from a copy, or gage restart {id_one} makes it anew)",
        "2 runs, 1 damaged",
        "",
    ]
    assert told.err == (
        "gage check: some of this can be mended\nhint: gage check --runs --repair\n"
    )
    assert told.code == 1
    assert project.gage("check", "--runs", "-Fe", "x = 2").out.endswith("1 run, none damaged\n")
    assert project.gage("check", "--runs", "-q", id_one).code == 1


def test_findings_are_objects_with_the_id_of_the_run(project):
    one, _ = runs_of(project)
    os.unlink(f"{one}/made")
    told = project.gage("check", "--runs", "--json")
    finding = json.loads(told.out)
    assert (finding["id"], finding["run_dir"]) == (os.path.basename(one), one)
    assert (finding["severity"], finding["what"]) == ("error", "missing")
    assert (told.err, told.code) == ("", 1)


def test_what_a_hint_says_mends_the_run(project):
    one, _ = runs_of(project)
    os.unlink(f"{one}/made")
    assert project.restart(os.path.basename(one)).code == 0
    assert project.gage("check", "--runs").out == "2 runs: ok\n"
    os.unlink(f"{one}/gage.yaml")
    assert project.gage("check", "--runs").code == 1
    assert project.restart("--force-sourcecode", os.path.basename(one)).code == 0
    assert project.gage("check", "--runs").out == "2 runs: ok\n"


def test_repair_finalizes_what_was_interrupted_and_mends_the_rest(project):
    one, two = runs_of(project)
    for name in ("proc/exit", "stopped"):
        os.unlink(f"{one}.meta/{name}")
    os.chmod(f"{two}.meta/id", 0o644)
    write(f"{project.home}/.tmp/0123456789abcdef01234567", "x")
    os.utime(f"{project.home}/.tmp/0123456789abcdef01234567", (1, 1))
    told = project.gage("check", "--runs")
    assert told.code == 1
    assert "is not finalized" in told.out and ".tmp/0123456789abcdef01234567" in told.out
    assert project.gage("check", "--runs", "--repair") == ("2 runs: ok\n", "", 0)
    assert project.gage("check", "--runs") == ("2 runs: ok\n", "", 0)
    assert {row.status for row in project.rows("op")} == {"terminated", "completed"}


def test_repair_does_what_it_can_and_says_what_it_cannot(project):
    one, _ = runs_of(project)
    for name in ("proc/exit", "stopped", "opdef.json"):
        os.unlink(f"{one}.meta/{name}")
    told = project.gage("check", "--runs", "--repair")
    assert told.code == 1
    assert "opdef.json: this fact is missing" in told.err
    assert "error: .meta/opdef.json: is missing" in told.out
    assert "is not finalized" in told.out


def test_a_run_that_is_at_work_is_left_alone(project):
    one, _ = runs_of(project)
    for name in ("proc/exit", "stopped"):
        os.unlink(f"{one}.meta/{name}")
    with at_work(project.home, os.path.basename(one)):
        told = project.gage("check", "--runs", "--repair")
    assert (told.err, told.code) == ("", 0)
    assert "note: is at work" in told.out
    assert told.out.endswith("2 runs: ok\n")
    assert not os.path.exists(f"{one}.meta/proc/exit")


def test_the_steps_of_a_pipeline_are_checked_with_it(tmp_path):
    project = chain(tmp_path)
    assert project.run("all").code == 0
    assert project.gage("check", "--runs").out == "4 runs: ok\n"
    train = project.newest("train")
    assert project.gage("runs", "rm", "-y", train.id).code == 0
    told = project.gage("check", "--runs")
    assert "warning: train: leads to no run" in told.out
    assert project.gage("runs", "restore", train.id).code == 0
    assert project.gage("check", "--runs").code == 0


def test_a_run_that_a_newer_gage_made_is_said(project):
    one, _ = runs_of(project)
    replaced(one, "__schema__", "2\n")
    told = project.gage("check", "--runs")
    assert "made by another gage" in told.out
    assert told.out.endswith("2 runs, 1 damaged\n")


def test_what_is_for_runs_alone_is_refused_without_them(project):
    for words in (["--repair"], ["--json"], ["1"], ["-Fo", "op"], ["-n", "1"]):
        told = project.gage("check", *words)
        assert told.code == 2
        assert told.err.endswith("hint: gage check --runs checks them\n")
    assert project.gage("check").out == "gage.yaml: ok, 1 operation\n"
    assert project.gage("check", "--runs", "nope").code == 10


def test_a_check_is_quick_about_runs_that_are_deleted(project):
    one, _ = runs_of(project)
    assert open_run(one).id
    assert project.gage("runs", "rm", "-y", os.path.basename(one)).code == 0
    assert project.gage("check", "--runs").out == "1 run: ok\n"


CANNOT_RUN = """\
a: {exec: python train.py, config: trian.py}
b: {exec: "echo ${lrr}", config: train.py}
c: {exec: python train.py, config: train.py, flags: {lr: {min: 1}}}
d: {exec: {run: "true", finalize: "echo ${x}"}, env: {A: "${y}"}, flags: {z: 1}}
e: {exec: python train.py, config: train.py}
f: {steps: [e lr=0.2, e lr=word, a, e rate=1, "e lr=[1,x]"]}
g: {exec: "true", depends: [{run: e}]}
h: {steps: [g, e]}
"""


def test_operations_that_cannot_run_as_they_are_are_told(tmp_path):
    project = Project(tmp_path, CANNOT_RUN, train_py="lr = 0.1\n")
    told = project.gage("check")
    assert (told.err, told.code) == ("", 30)
    assert [line.partition(" (")[0] for line in told.out.splitlines()] == [
        "gage.yaml:1: a.config: trian.py: no such file",
        "gage.yaml:2: b.exec: ${lrr}: no such flag or config",
        "gage.yaml:3: c: lr=0.1: expected at least 1",
        "gage.yaml:4: d.exec.finalize: ${x}: no such flag or config",
        "gage.yaml:4: d.env.A: ${y}: no such flag or config",
        "gage.yaml:6: f.steps.1: lr=word: expected a number",
        "gage.yaml:6: f.steps.3: rate: e has no such flag",
        "gage.yaml:6: f.steps.4: lr=x: expected a number",
        "gage.yaml:8: h.steps.0: depends on a run of e, and no step that it needs is one",
    ]
    assert "did you mean train.py?" in told.out and "did you mean lr?" in told.out
    assert not os.path.exists(project.home)


NEEDS_VALUES = """\
train:
  exec: 'echo $((${n} + 1)) ${lr} "$FLAG_KEY"'
  config: train.py
  flags:
    n: {type: int, required: true, min: 1}
    lr: {required: true, max: 0.01}
    kind: {required: true, choices: [a, b]}
    key: {secret: true, required: true}
all:
  flags: {n: {required: true}, m: {required: true, type: int}}
  steps: ["train n=${n} lr=${m} kind=a", "train n=3", {run: train, flags: {kind: "${n}"}}]
outer:
  steps: [all n=1 m=2, all]
"""


def test_a_required_flag_that_has_no_value_yet_keeps_nothing_from_running(tmp_path):
    project = Project(tmp_path, NEEDS_VALUES, train_py="lr = 0.1\n")
    assert project.gage("check") == ("gage.yaml: ok, 3 operations\n", "", 0)
    project.write("gage.yaml", NEEDS_VALUES + "b: {steps: [train n=0, {run: train nn=1}]}\n")
    told = project.gage("check")
    assert "b.steps.0: n=0: expected at least 1" in told.out
    assert "b.steps.1: nn: train has no such flag" in told.out
    project.write("gage.yaml", NEEDS_VALUES.replace("lr=${m}", "lrr=${m}"))
    assert "all.steps.0: lrr: train has no such flag (did you mean lr?" in project.gage("check").out


IDLE = """\
a: {exec: "true", depends: [{files: no/such.csv}, {files: [data.csv, data]}]}
b: {exec: "true", sourcecode: [trian.py, "*.py"]}
c: {exec: "true", sourcecode: "*.c"}
d: {exec: "true", sourcecode: ["*.c", train.py]}
e: {steps: [d], sourcecode: train.p}
"""


def test_patterns_that_select_nothing_are_told(tmp_path):
    project = Project(tmp_path, IDLE, train_py="", **{"data.csv": ""})
    told = project.gage("check")
    assert (told.err, told.code) == ("", 30)
    assert [line.partition(" (known")[0] for line in told.out.splitlines()] == [
        "gage.yaml:1: a.depends.0.files: no/such.csv: selects no file",
        "gage.yaml:1: a.depends.1.files: data: selects no file (did you mean data.csv?)",
        "gage.yaml:2: b.sourcecode: trian.py: selects no file (did you mean train.py?)",
        "gage.yaml:3: c.sourcecode: *.c: selects no file",
        "gage.yaml:5: e.sourcecode: train.p: selects no file (did you mean train.py?)",
    ]
