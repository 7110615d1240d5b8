import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import UsageError
from gage.said import Comment, Said, add_comment, add_tags, read_said, remove_tags, set_label
from tests.written import write_run


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path)


def said(run):
    return read_said(run.home, run.name)


def test_of_most_runs_nothing_is_said_and_there_is_no_directory(run):
    assert said(run) == Said()
    remove_tags(run, ["x"])
    assert not os.path.exists(run.user_dir)


def test_the_last_label_holds_and_an_empty_one_takes_it_away(run):
    set_label(run, "first")
    set_label(run, "best of all")
    assert said(run).label == "best of all"
    set_label(run, "")
    assert said(run).label == ""


def test_tags_come_and_go(run):
    add_tags(run, ["a", "b", "a"])
    add_tags(run, ["b", "c"])
    remove_tags(run, ["a", "never"])
    assert said(run).tags == ("b", "c")
    add_tags(run, ["a"])
    assert said(run).tags == ("b", "c", "a")


def test_comments_have_their_times(run):
    add_comment(run, "one\nline after line\n", now=lambda: 5)
    add_comment(run, "two", now=lambda: 7)
    assert said(run).comments == (Comment(5, "one\nline after line"), Comment(7, "two"))


def test_the_newest_wins_also_when_the_clock_was_set_back(run):
    set_label(run, "old", now=lambda: 1_000_000)
    set_label(run, "new", now=lambda: 10)
    assert said(run).label == "new"


def test_a_saying_is_a_file_that_is_read_with_cat_and_never_rewritten(run):
    set_label(run, "best", now=lambda: 42)
    (first,) = os.listdir(run.user_dir)
    path = os.path.join(run.user_dir, first)
    assert first.startswith("label-0000000000000042-")
    assert subprocess.check_output(["cat", path]) == b"best\n"
    before = os.stat(path)
    set_label(run, "better")
    assert os.stat(path) == before


def test_what_is_no_saying_does_no_harm(run):
    set_label(run, "best")
    os.mkdir(os.path.join(run.user_dir, "label-9999999999999999-00000000"))
    os.mkfifo(os.path.join(run.user_dir, "tag-9999999999999999-00000000"))
    os.symlink("/etc/passwd", os.path.join(run.user_dir, "label-9999999999999999-00000001"))
    open(os.path.join(run.user_dir, "notes.txt"), "w").close()
    open_before = os.listdir("/proc/self/fd")
    assert said(run).label == "best"
    assert os.listdir("/proc/self/fd") == open_before


@pytest.mark.parametrize("tag", ["", "a b", "a,b", "a\nb", "a\0"])
def test_a_tag_is_one_word(run, tag):
    with pytest.raises(UsageError):
        add_tags(run, ["fine", tag])
    assert said(run) == Said()


@pytest.mark.parametrize("say", [lambda r: set_label(r, "a\nb"), lambda r: add_comment(r, " \n")])
def test_what_cannot_be_said_is_refused(run, say):
    with pytest.raises(UsageError):
        say(run)
    assert said(run) == Said()


words = st.binary(max_size=40).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))


@given(words)
def test_any_text_comes_back(tmp_path_factory, words):
    run = write_run(tmp_path_factory.mktemp("home"))
    if words.strip():
        add_comment(run, words)
        assert said(run).comments[0].text == words.rstrip("\n")
    label = words.replace("\n", " ")
    set_label(run, label)
    assert said(run).label == label


SAY = """
import sys
from gage.run import Run
from gage.said import add_comment
for n in range(10):
    add_comment(Run(sys.argv[1], "", None, "none"), f"{sys.argv[2]} {n}")
"""


def test_many_who_speak_at_once_are_all_heard(run):
    speakers = [
        subprocess.Popen([sys.executable, "-c", SAY, run.run_dir, str(who)]) for who in range(4)
    ]
    assert [speaker.wait() for speaker in speakers] == [0] * 4
    heard = [comment.text for comment in said(run).comments]
    assert sorted(heard) == sorted(f"{who} {n}" for who in range(4) for n in range(10))
    for who in "0123":  # each in their order
        mine = [text for text in heard if text[0] == who]
        assert mine == [f"{who} {n}" for n in range(10)]
