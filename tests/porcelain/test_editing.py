"""A comment that is written in an editor, which is a program like any other."""

import json
import os
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import UsageError
from gage.porcelain.editing import editor_words, written
from tests.porcelain.place import gage, gage_on_terminal, write_run


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for number in (1, 2, 3):
        write_run(str(tmp_path / ".gage" / "runs"), number)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def comment(place, *words, code=0, script="exit 9", **env):
    """What is shown where the editor is *script*."""
    env = {"GAGE_EDITOR": program(place / "ed", script)} | env
    shown, ended = gage_on_terminal("runs", "comment", *words, cwd=place, env=env)
    assert ended == code, shown
    return shown


def comments(place, number):
    told = gage("show", str(number), "--json", cwd=place)
    return [comment["text"] for comment in json.loads(told.out)["comments"]]


SAY = "printf 'first \\n\\n# not this\\nsecond\\n' > \"$1\""


def test_a_comment_is_written_in_an_editor(place):
    shown = comment(place, "-e", "2", "3", script=SAY)
    assert shown == "commented  00020002  train\ncommented  00010001  train\n"
    assert comments(place, 2) == comments(place, 3) == ["first\n\nsecond"]
    assert comments(place, 1) == []
    assert os.listdir(place / "tmp") == []


def test_without_a_word_the_newest_is_commented(place):
    comment(place, script=SAY)
    assert [len(comments(place, number)) for number in (1, 2, 3)] == [1, 0, 0]


def test_the_file_tells_what_it_is_about(place):
    comment(place, "-e", "1-2", script='cat "$1"; ls -l "$1"; exit 1', code=12)
    shown = comment(place, "-e", "1-2", script='cat "$1"', code=1).split("\n")
    assert shown[:3] == ["", "# Say something about:", "#"]
    assert shown[3].startswith("#   [1]  00030003  train  ")
    assert shown[4].startswith("#   [2]  00020002  train  ")


@pytest.mark.parametrize("script", [":", ': > "$1"', 'rm "$1"; : > "$1"'])
def test_nothing_written_is_nothing_said(place, script):
    shown = comment(place, "-e", script=script, code=1)
    assert shown == "gage runs comment: nothing was written, and nothing is said\n"
    assert comments(place, 1) == []
    assert os.listdir(place / "tmp") == []


def test_an_editor_that_fails_is_told(place):
    shown = comment(place, "-e", script=f"{SAY}; exit 3", code=12)
    assert "the editor ended with 3" in shown
    assert comments(place, 1) == []
    assert os.listdir(place / "tmp") == []


def test_what_was_written_is_kept_where_it_cannot_be_said(place):
    run = os.path.join(place, ".gage", "runs", "0003" * 8)
    shown = comment(place, "-e", script=f"{SAY}; rm -r {run} {run}.meta", code=10)
    (file,) = os.listdir(place / "tmp")
    assert f"what was written is in {place}/tmp/{file}" in shown.replace("\n", "")
    assert (place / "tmp" / file).read_text().startswith("first")


def test_a_run_that_is_not_there_opens_nothing(place):
    assert "9" in comment(place, "-e", "9", script="echo opened", code=10)
    assert "opened" not in comment(place, "-e", "9", script="echo opened", code=10)


def test_in_a_pipe_nobody_writes(place):
    for words in (["-e"], []):
        told = gage("runs", "comment", *words, cwd=place, env={"GAGE_EDITOR": "/bin/true"})
        assert (told.out, told.code) == ("", 2)


def test_the_editor_is_ours_then_the_visual_one_then_any(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("GAGE_PLAIN", raising=False)
    a, b, c, vi = (program(tmp_path / name, "") for name in ("a", "b", "c", "vi"))
    path = {"PATH": str(tmp_path)}
    assert editor_words(path) == [vi]
    assert editor_words(path | {"EDITOR": "c"}) == [c]
    assert editor_words(path | {"EDITOR": "c", "VISUAL": "b -w 'x y'"}) == [b, "-w", "x y"]
    assert editor_words(path | {"VISUAL": "b", "GAGE_EDITOR": a}) == [a]
    monkeypatch.setenv("TERM", "dumb")
    assert editor_words(path | {"EDITOR": "c", "VISUAL": "b"}) == [c]
    with pytest.raises(UsageError):
        editor_words(path)


@pytest.mark.parametrize("value", ["nope", "./vi", " ", "vi 'x"])
def test_an_editor_that_is_none_is_told(place, monkeypatch, value):
    program(place / "vi", "echo owned")
    monkeypatch.chdir(place)
    with pytest.raises(UsageError, match="EDITOR"):
        editor_words({"PATH": ".:/nowhere", "EDITOR": value})


@given(st.text())
def test_what_was_written_holds_no_help_and_no_blank_ends(text):
    said = written(text)
    assert not any(line.startswith("#") for line in said.split("\n"))
    assert said == said.strip("\n") and written(said) == said
