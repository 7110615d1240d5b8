import json

import pytest

from tests.porcelain.place import gage, gage_on_terminal, write_run


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


@pytest.mark.parametrize(
    ("words", "done"),
    [
        (["label", "good", "3"], "labelled  00010001  train  good"),
        (["label", "--delete", "3"], "unlabelled  00010001  train"),
        (["tag", "a,b", "3"], "tagged  00010001  train  a,b"),
        (["tag", "--delete", "a", "3"], "untagged  00010001  train  a"),
        (["comment", "odd", "3"], "commented  00010001  train"),
        (["label", "x", "1-2"], "labelled  00030003  train  x\nlabelled  00020002  train  x"),
    ],
)
def test_a_terminal_is_told_what_was_said_of_which_run_and_a_pipe_never(
    tmp_path, runs, words, done
):
    assert gage_on_terminal("runs", *words, cwd=tmp_path) == (done + "\n", 0)
    assert gage("runs", *words, cwd=tmp_path) == ("", "", 0)


@pytest.mark.parametrize("verb", ["label", "tag", "comment"])
def test_who_names_the_run_first_is_told_the_order(tmp_path, runs, verb):
    for run in ("0002", "2"):
        told = gage("runs", verb, run, "good", cwd=tmp_path)
        order = f"the {verb} comes first: gage runs {verb} {verb.upper()} [RUN]..."
        assert told.err == f"gage runs {verb}: good: no such run\nhint: {order}\n"
        assert told.code == 10
    near = gage("runs", verb, "2", "0020", cwd=tmp_path).err
    assert f"hint: {order}; or did you mean 000" in near
    for words in (["better", "good"], ["2", "1", "good"]):
        assert "comes first" not in gage("runs", verb, *words, cwd=tmp_path).err
    gage("runs", "rm", "3", "-y", cwd=tmp_path)
    assert "restore 00010001" in gage("runs", verb, "2", "0001", cwd=tmp_path).err
    assert all(not row["label"] and not row["tags"] for row in runs().values())
