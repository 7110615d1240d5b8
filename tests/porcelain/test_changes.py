import os

import pytest

from tests.pipelines import Project
from tests.porcelain.place import gage_on_terminal

OPS = "op: {exec: 'echo $FLAG_X', flags: {x: 1}}\nall: {steps: [op]}\n"


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path, OPS)


def asked(project, *words):
    """What is shown on a terminal before the question."""
    shown, code = gage_on_terminal("run", *words, cwd=project.path, typed="n\n")
    assert code == 1
    return shown.partition("Run it?")[0].splitlines()


def test_without_a_run_before_there_is_nothing_to_tell(project):
    assert asked(project, "op") == ["n", "op", "   x  1"]
    project.run("--stage", "op")
    assert asked(project, "op") == ["n", "op", "   x  1"], "it never ran"


def test_the_question_tells_what_has_changed(project):
    assert project.run("op").code == 0
    last = f"{project.newest('op').id[:8]} (completed)"
    assert asked(project, "op")[-1] == f"same as {last}"
    project.write("b.py", "")
    assert asked(project, "op", "x=2")[3:] == [
        f"not as in {last}:",
        "   x  1 → 2",
        "   b.py  added",
    ]


def test_the_preview_tells_it_too(project):
    project.run("op")
    project.run("op", "x=5")
    told = project.gage("run", "--preview", "op").out.splitlines()
    assert told[2] == f"not as in {project.newest('op').id[:8]} (completed):"
    assert told[3] == "   x  5 → 1"


def test_of_many_files_a_few_are_named(project):
    project.run("op")
    for number in range(15):
        project.write(f"f{number:02}.py", "")
    lines = project.gage("run", "--preview", "op").out.split("command: ")[0].splitlines()
    assert lines[3] == "   f00.py  added"
    assert lines[-2:] == ["   f09.py  added", "   and 5 more files"]


def test_of_a_pipeline_the_values_are_compared_alone(project):
    project.run("all")
    project.write("new.py", "")
    id = project.newest("all").id[:8]
    assert f"same values as {id} (completed)" in project.gage("run", "--preview", "all").out


def test_a_hostile_name_steers_nothing(project):
    project.run("op")
    project.write("a\x1b[2J.py", "")
    assert "   a\\x1b[2J.py  added" in asked(project, "op")


def test_yes_is_told_nothing(project):
    project.run("op")
    shown, _ = gage_on_terminal("run", "-y", "op", cwd=project.path)
    assert "same as" not in shown
    assert os.path.isdir(project.home)
