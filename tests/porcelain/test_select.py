import os

import pytest

from tests.porcelain.place import gage, write_steps


@pytest.fixture
def steps(tmp_path):
    return write_steps(str(tmp_path / ".gage" / "runs"))


def test_the_id_of_the_run_that_is_meant_is_printed(tmp_path, steps):
    parent, passed, failed = steps
    wanted = {
        (): failed,
        ("-Fo", "steps-restart"): parent,
        ("2",): passed,
        ("0001",): parent,
        ("fail",): failed,
        ("--error", "2"): parent,
    }
    told = {words: gage("select", *words, cwd=tmp_path).out for words in wanted}
    assert told == {words: f"{id}\n" for words, id in wanted.items()}


def test_the_run_dir_is_absolute_and_without_links(tmp_path, steps):
    (tmp_path / "link").symlink_to(tmp_path / ".gage")
    wanted = f"{os.path.realpath(tmp_path)}/.gage/runs/{steps[0]}\n"
    assert gage("select", "3", "--dir", cwd=tmp_path).out == wanted
    assert gage("select", "3", "--path", "--runs", "link/runs", cwd=tmp_path).out == wanted


def test_several_runs_are_selected_by_number_or_name(tmp_path, steps):
    parent, passed, failed = steps
    assert gage("select", "3", "1", cwd=tmp_path).out == f"{parent}\n{failed}\n"
    assert gage("select", "-n", "2", cwd=tmp_path).out == f"{failed}\n{passed}\n"
    assert gage("select", "-z", "2-3", cwd=tmp_path).out == f"{passed}\0{parent}\0"


@pytest.mark.parametrize("words", [("nope",), ("-Fo", "nope"), ("9",), ("--staged", "1")])
def test_what_names_no_run_is_not_found(tmp_path, steps, words):
    told = gage("select", *words, cwd=tmp_path)
    assert (told.out, told.code) == ("", 10)
    assert told.err.startswith("gage select: ")


def test_where_there_are_no_runs_that_is_said(tmp_path):
    told = gage("select", cwd=tmp_path)
    assert (told.out, told.code) == ("", 10)
    assert "no runs here" in told.err
