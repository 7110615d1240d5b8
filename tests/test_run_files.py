"""What is a file of a run, and what only lies in its run dir."""

import os

import pytest

from gage.dirs import Dirs
from gage.run_files import Skipped, contents_of, is_step_link, walk_run_dir
from tests.nobody import ordinary_place
from tests.test_ignored import fill

ID = "0" * 32


def contents(root):
    with Dirs(str(root)) as dirs:
        return contents_of(dirs)


def test_files_and_links_are_found_in_the_order_of_a_walk(tmp_path):
    fill(tmp_path, {"b": "12", "a/c": ""})
    (tmp_path / "loop").symlink_to(".")
    os.utime(tmp_path / "b", ns=(3_456_789, 3_456_789))
    found = walk_run_dir(str(tmp_path))
    assert [(f.path, f.kind, f.target) for f in found] == [
        ("b", "file", ""),
        ("loop", "link", "."),
        ("a/c", "file", ""),
    ]
    assert (found[0].mtime, found[0].size) == (3456, 2)


def test_what_is_no_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert contents(tmp_path).skipped == [Skipped("pipe", "no file: a FIFO")]
    assert contents(tmp_path).files == []


def test_what_cannot_be_read_is_told():
    with ordinary_place() as place:
        os.mkdir(os.path.join(place, "closed"), 0)
        assert contents(place).skipped == [Skipped("closed", "cannot be read: Permission denied")]


def test_hard_links_are_told_apart_by_whether_all_are_in_the_run(tmp_path):
    fill(tmp_path / "run", {"a": "", "in/b": "", "c": ""})
    os.link(tmp_path / "run" / "a", tmp_path / "run" / "in" / "a2")
    os.link(tmp_path / "run" / "c", tmp_path / "outside")
    assert contents(tmp_path / "run").linked == {"a", "in/a2"}


def test_links_to_steps_are_no_files(tmp_path):
    fill(tmp_path, {"run/in/a": "", "step/a": "", "step.meta/id": ""})
    for path, target in [
        ("step", "../step"),
        ("planned", f"../{ID}"),
        ("data", "../data"),
        ("in/step", "../../step"),
    ]:
        (tmp_path / "run" / path).symlink_to(target)
    assert [f.path for f in walk_run_dir(str(tmp_path / "run"))] == ["data", "in/a", "in/step"]


@pytest.mark.parametrize(
    "target", ["step", "../step/", "../step/x", "../..", "../.", "..", "", "/step"]
)
def test_only_a_run_dir_beside_it_is_a_step(tmp_path, target):
    fill(tmp_path, {"step.meta/id": "", "run/x": ""})
    assert is_step_link(str(tmp_path / "run"), "../step")
    assert not is_step_link(str(tmp_path / "run"), target)
