"""What gage run --preview shows is what the run then has."""

from gage.manifest import SOURCE, read_manifest
from tests.pipelines import Project, chain
from tests.porcelain.place import gage_on_terminal

DEEP = """\
op: {exec: "true", flags: {x: 1}, depends: [{files: data.csv}], sourcecode: "*.py"}
two: {steps: [op x=2, {run: op x=3, name: last}]}
deep: {steps: [two, "op x=[4,5]", {run: two, name: again}]}
"""


def previewed(project, *words):
    told = project.gage("run", "--preview", *words)
    assert (told.err, told.code) == ("", 0)
    return told.out.splitlines()


def source_of(run):
    return [entry.path for entry in read_manifest(run) if entry.type == SOURCE]


def test_a_pipeline_is_shown_with_its_steps_and_their_files(tmp_path):
    project = chain(tmp_path)
    assert previewed(project, "all", "lr=0.3") == [
        "all",
        "   n   1",
        " * lr  0.3",
        "3 steps:",
        "   prepare   prepare   n=1",
        "   train     train     lr=0.3",
        "   evaluate  evaluate",
        "source code of prepare, train, evaluate:",
        "   gage.yaml",
        "   train.py",
        "train: depends on data.txt of the run of prepare",
        "evaluate: depends on model.txt of the run of train",
    ]
    assert project.run("all", "lr=0.3").code == 0
    assert source_of(project.newest("all")) == []
    assert source_of(project.newest("train")) == ["gage.yaml", "train.py"]


def test_steps_of_steps_are_shown_by_their_paths_and_trials_by_what_was_said(tmp_path):
    project = Project(tmp_path, DEEP, train_py="", **{"data.csv": ""})
    assert previewed(project, "deep") == [
        "deep",
        "7 steps:",
        "   two         two",
        "   two/op      op   x=2",
        "   two/last    op   x=3",
        "   op          op+  x=[4,5]",
        "   again       two",
        "   again/op    op   x=2",
        "   again/last  op   x=3",
        "source code of two/op, two/last, op, again/op, again/last:",
        "   train.py",
        *(f"{name}: depends on data.csv" for name in ("two/op", "two/last", "op", "again/op")),
        "again/last: depends on data.csv",
    ]
    assert previewed(project, "two", "x=[1,2]", "--force-flags")[-5:] == [
        "   2  2",
        "source code of op, last:",
        "   train.py",
        "op: depends on data.csv",
        "last: depends on data.csv",
    ]


def test_a_step_that_cannot_run_is_found_by_the_preview(tmp_path):
    project = Project(tmp_path, DEEP.replace("x=2", "y=2"))
    told = project.gage("run", "--preview", "two")
    assert (told.out, told.code) == ("", 125)
    assert told.err.startswith("gage run: step op: y: op has no such flag")


def test_the_files_are_those_that_the_run_gets(tmp_path):
    yaml = 'op: {exec: "true", config: a.json, depends: [{files: [a.json, data.csv, no.csv]}]}\n'
    project = Project(tmp_path, yaml, **{"a.json": '{"x": 1}', "data.csv": "", "b.bin": "\0"})
    assert previewed(project, "op") == [
        "op",
        "   x  1",
        "command: true",
        f"source code of {tmp_path}:",
        "   a.json",
        "   gage.yaml",
        "depends on a.json data.csv no.csv: no.csv selects no file",
        "left out: b.bin: binary",
    ]
    assert project.run("op").code == 0
    assert sorted(source_of(project.newest("op"))) == ["a.json", "gage.yaml"]
    assert previewed(project, "op")[2].startswith("same as ")


def test_a_pattern_that_selects_nothing_is_told_by_preview_and_run(tmp_path):
    project = Project(tmp_path, 'op: {exec: "true", sourcecode: [trian.py, "*.c", "*.py"]}\n')
    project.write("train.py", "")
    said = "sourcecode: trian.py: selects no file"
    assert previewed(project, "op")[-1] == said
    told = project.run("op")
    assert (told.err, told.code) == (f"gage run: {said}\n", 0)
    assert project.run("op", "-q").err == ""


def test_a_person_is_shown_the_steps_before_the_question(tmp_path):
    project = chain(tmp_path)
    shown, _ = gage_on_terminal("run", "all", cwd=tmp_path, typed="n\n")
    assert "3 steps:\n   prepare   prepare   n=1\n" in shown
    assert project.rows("all") == []
