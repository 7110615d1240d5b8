"""What has changed since a run: real runs, and a project that goes on."""

import os

import pytest

from gage import since
from gage.opdef import sourcecode_rule
from gage.operation import open_words, prepare
from gage.since import FlagChange, changes_since
from gage.sourcecode import select_sourcecode
from tests.pipelines import Project

OPS = "train: {exec: python train.py, config: train.py, sourcecode: [train.py, lib, big, link]}\n"
TRAIN = "lr = 0.1\nepochs = 3\nprint(lr)\n"


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, OPS, train_py=TRAIN)
    project.write("lib/a.py", "a = 1\n")
    project.write("lib/b.py", "b = 1\n")
    os.symlink("lib/a.py", f"{project.path}/link")
    assert project.run("train", "lr=0.3").code == 0
    return project


def changes(project, *words):
    operation, given = open_words(project.path, list(words))
    rule = sourcecode_rule(operation.opdef)
    sources = select_sourcecode(project.path, rule, runs_home=project.home).sources
    prepared = prepare(operation, given)
    return changes_since(project.newest("train"), prepared, project.path, sources)


def touch(project, name, seconds=5):
    path = os.path.join(project.path, name)
    time = os.stat(path).st_mtime_ns + seconds * 10**9
    os.utime(path, ns=(time, time))


def test_nothing_has_changed_where_nothing_has(project):
    assert changes(project, "train", "lr=0.3") == ([], False, [])


def test_values_are_told_with_what_they_were(project):
    assert changes(project, "train").flags == [FlagChange("lr", 0.3, 0.1, "changed")]
    project.write("train.py", "lr = 0.3\nsteps = 4\nprint(lr)\n")
    assert changes(project, "train").flags == [
        FlagChange("steps", None, 4, "added"),
        FlagChange("epochs", 3, None, "removed"),
    ]


def test_another_command_is_told(project):
    project.write("gage.yaml", OPS.replace("python train.py", "python -u train.py"))
    assert changes(project, "train", "lr=0.3") == ([], True, [])


def test_files_are_added_changed_and_removed(project):
    project.write("lib/a.py", "a = 2\n")  # of the same size
    touch(project, "lib/a.py")
    os.remove(f"{project.path}/lib/b.py")
    project.write("lib/c.py", "c = 1\n")
    os.remove(f"{project.path}/link")
    os.symlink("lib/c.py", f"{project.path}/link")
    assert sorted(changes(project, "train", "lr=0.3").files) == [
        ("added", "lib/c.py"),
        ("changed", "lib/a.py"),
        ("changed", "link"),
        ("removed", "lib/b.py"),
    ]


def test_a_file_that_was_only_touched_has_not_changed(project):
    for name in ("train.py", "lib/a.py", "lib/b.py"):
        touch(project, name)
    assert changes(project, "train", "lr=0.3").files == []


def test_a_file_that_values_are_written_to_is_compared_without_them(project):
    touch(project, "train.py")
    assert changes(project, "train", "lr=0.3").files == []
    project.write("train.py", TRAIN + "# more\n")
    touch(project, "train.py")
    assert changes(project, "train", "lr=0.3").files == [("changed", "train.py")]


def test_so_it_is_after_a_restart_with_other_values(project):
    assert project.restart("train", "lr=0.7").code == 0
    assert project.restart("train", "lr=0.9").code == 0
    touch(project, "train.py")
    assert changes(project, "train", "lr=0.9") == ([], False, [])


def test_a_file_that_the_command_changed_is_compared_with_what_went_in(project):
    project.write("gage.yaml", OPS.replace("python train.py", "sh -c 'echo more >> lib/a.py'"))
    os.chmod(f"{project.path}/lib/a.py", 0o644)
    project.run("train", "lr=0.3")
    assert changes(project, "train", "lr=0.3").files == []
    touch(project, "lib/a.py")
    assert changes(project, "train", "lr=0.3").files == []


def test_what_is_too_much_to_read_is_not_compared(project, monkeypatch):
    monkeypatch.setattr(since, "MOST_BYTES", 8)
    for name in ("lib/a.py", "lib/b.py"):
        touch(project, name)
    assert changes(project, "train", "lr=0.3").files == [("touched", "lib/b.py")]


def test_a_damaged_run_is_compared_with_nothing(project):
    run = project.newest("train")
    os.chmod(f"{run.meta_dir}/manifest", 0o644)
    with open(f"{run.meta_dir}/manifest", "w") as file:
        file.write("nonsense\n")
    assert changes(project, "train") is None
