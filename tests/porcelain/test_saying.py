import json

import pytest

from tests.porcelain.place import gage, write_run


@pytest.fixture
def runs(tmp_path):
    for number in (1, 2, 3):
        write_run(str(tmp_path / ".gage" / "runs"), number)
    return lambda: {
        int(row["id"][:4]): row
        for line in gage("runs", "--json", cwd=tmp_path).out.splitlines()
        for row in [json.loads(line)]
    }


def test_the_newest_run_is_labelled_unless_others_are_named(tmp_path, runs):
    assert gage("runs", "label", "best", cwd=tmp_path) == ("", "", 0)
    assert gage("runs", "label", "older", "2-3", cwd=tmp_path).code == 0
    assert {number: row["label"] for number, row in runs().items()} == {
        3: "best",
        2: "older",
        1: "older",
    }


def test_a_label_is_taken_away(tmp_path, runs):
    gage("runs", "label", "all", "-Fo", "train", cwd=tmp_path)
    assert gage("runs", "label", "--delete", "2", cwd=tmp_path).code == 0
    assert [runs()[number]["label"] for number in (1, 2, 3)] == ["all", "", "all"]


def test_tags_are_given_and_taken(tmp_path, runs):
    assert gage("runs", "tag", "a,b", "1", "2", cwd=tmp_path).code == 0
    assert gage("runs", "tag", "--delete", "a", "1", cwd=tmp_path).code == 0
    assert [runs()[number]["tags"] for number in (3, 2, 1)] == [["b"], ["a", "b"], []]


def test_comments_are_kept_one_after_another(tmp_path, runs):
    gage("runs", "comment", "looks odd", "3", cwd=tmp_path)
    gage("runs", "comment", "two\nlines", "3", cwd=tmp_path)
    comments = json.loads(gage("show", "3", "--json", cwd=tmp_path).out)["comments"]
    assert [comment["text"] for comment in comments] == ["looks odd", "two\nlines"]
    assert runs()[1]["comments"] == 2


@pytest.mark.parametrize("verb", ["label", "tag", "comment"])
def test_without_anything_to_say_nothing_is_said(tmp_path, runs, verb):
    told = gage("runs", verb, cwd=tmp_path)
    assert told.code == 2
    assert told.err.startswith(f"gage runs {verb}: ")
    assert all(
        not row["label"] and not row["tags"] and not row["comments"] for row in runs().values()
    )


def test_a_run_that_is_not_there_is_not_spoken_of(tmp_path, runs):
    assert gage("runs", "label", "x", "1", "9", cwd=tmp_path).code == 10
    assert all(not row["label"] for row in runs().values())
