"""A pager on a terminal: which, for what, and that nothing else is changed by it."""

import os
import sys

import pytest

from gage.porcelain.paging import pager_words
from tests.porcelain.place import gage, gage_on_terminal, write_run
from tests.screen import Terminal

GAGE = os.path.join(os.path.dirname(sys.executable), "gage")


@pytest.fixture
def place(tmp_path):
    home = str(tmp_path / ".gage" / "runs")
    for number in (1, 2, 3):
        write_run(home, number, output=b"a\x1b[2Jb\n" * number)
    return tmp_path


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def pager(tmp_path):
    """A pager that says so, and puts a mark before every line."""
    return program(tmp_path / "pager", "echo LESS=$LESS $*; exec sed 's/^/| /'")


def paged(place, *words, code=0, **env):
    shown, ended = gage_on_terminal(*words, cwd=place, env={"NO_COLOR": "1"} | env)
    assert ended == code
    return shown


@pytest.mark.parametrize("words", ["runs", "runs -s", "show", "log", "ops", "runs --json"])
def test_what_may_be_long_goes_through_the_pager(place, pager, words):
    (place / "gage.yaml").write_text("op: {exec: echo}\n")
    first, *lines = paged(place, *words.split(), GAGE_PAGER=f"{pager} -a 'b c'").splitlines()
    assert first == "LESS=FRX -a b c"
    assert lines and all(line.startswith("| ") for line in lines)
    assert [line[2:] for line in lines] == paged(place, *words.split()).splitlines()


@pytest.mark.parametrize("words", ["select", "ls", "cat 1 train.py", "log -f", "log --follow"])
def test_what_is_short_or_has_no_end_does_not(place, pager, words):
    assert "| " not in paged(place, *words.split(), GAGE_PAGER=pager)


def test_to_the_command_it_is_still_a_terminal(place, pager):
    assert "| a\\x1b[2Jb" in paged(place, "log", GAGE_PAGER=pager)
    shown, _ = gage_on_terminal("show", cwd=place, env={"GAGE_PAGER": pager})
    assert "\x1b[32mcompleted" in shown
    shown, _ = gage_on_terminal(
        "runs", cwd=place, env={"GAGE_PAGER": pager, "NO_COLOR": "1"}, columns=30
    )
    assert {len(line) for line in shown.splitlines()[1:]} == {32}


def test_the_exit_code_is_that_of_the_command(place, pager):
    assert "output" in paged(place, "runs", "diff", "1", "2", code=1, GAGE_PAGER=pager)
    assert "no run here is of x" in paged(place, "show", "-Fo", "x", code=10, GAGE_PAGER=pager)


def test_who_leaves_the_pager_early_has_seen_enough(place):
    home = str(place / ".gage" / "runs")
    write_run(home, 4, output=b"line\n" * 100_000)
    assert paged(place, "log", GAGE_PAGER="head -n 1") == "line\n"
    assert paged(place, "runs", GAGE_PAGER="true") == ""


def test_a_pager_that_fails_is_named(place):
    home = str(place / ".gage" / "runs")
    write_run(home, 4, output=b"line\n" * 100_000)
    broken = program(place / "broken", "exit 9")
    shown = paged(place, "log", GAGE_PAGER=broken)
    assert shown == f"gage: {broken}: ended with 9\nhint: --no-pager does without\n"


@pytest.mark.parametrize("env", [{"GAGE_PAGER": ""}, {"GAGE_PAGER": "cat"}, {"GAGE_PAGER": "nope"}])
def test_none_is_none(place, pager, env):
    assert paged(place, "runs", PAGER=pager, **env).startswith("[1]")


def test_no_pager_is_said_before_the_command(place, pager):
    assert paged(place, "--no-pager", "runs", GAGE_PAGER=pager).startswith("[1]")
    assert "no such option" in paged(place, "runs", "--no-pager", code=2, GAGE_PAGER=pager).lower()


def test_a_pipe_has_no_pager(place, pager):
    assert gage("runs", cwd=place, env={"GAGE_PAGER": pager}).out.startswith("[1]")


def test_the_pager_is_ours_then_that_of_all_then_less(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("GAGE_PLAIN", raising=False)
    less, more = (program(tmp_path / name, "") for name in ("less", "more"))
    path = {"PATH": str(tmp_path)}
    assert pager_words(path) == [less]
    assert pager_words(path | {"PAGER": "more -d"}) == [more, "-d"]
    assert pager_words(path | {"PAGER": "more", "GAGE_PAGER": "less"}) == [less]
    assert pager_words(path | {"PAGER": ""}) == []
    assert pager_words({"PATH": "/nowhere"}) == []


def test_no_program_of_the_project_becomes_the_pager(place, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    program(place / "less", "echo owned")
    monkeypatch.chdir(place)
    for path in (".", "", ":/nowhere"):
        assert pager_words({"PATH": path}) == []
    assert pager_words({"PATH": "/nowhere", "PAGER": "./less"}) == []


def test_a_plain_terminal_has_a_pager_only_where_ours_is_named(monkeypatch, pager):
    for name, value in (("GAGE_PLAIN", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv("TERM", "xterm")
            patch.setenv(name, value)
            assert pager_words({"PAGER": pager}) == []
            assert pager_words({"GAGE_PAGER": pager}) == [pager]


def test_words_that_no_shell_reads_are_said(place):
    shown = paged(place, "runs", code=2, GAGE_PAGER="less 'x")
    assert "GAGE_PAGER: No closing quotation" in shown


def test_an_interruption_is_for_the_pager(place):
    waits = program(place / "waits", "trap 'echo still here' INT; cat; sleep 5 & wait; wait")
    env = {"GAGE_PAGER": waits, "NO_COLOR": "1"}
    terminal = Terminal(GAGE, "runs", cwd=str(place), env=env)
    terminal.wait_for(r"\[3\]")
    terminal.type("\x03")
    terminal.wait_for("still here")
    text, code = terminal.end()
    assert code == 0, text


@pytest.mark.parametrize("env", [{"GAGE_PLAIN": "1"}, {"TERM": "dumb"}])
def test_a_plain_terminal_gets_the_manual_as_plain_text_unless_our_pager_is_named(
    place, pager, monkeypatch, env
):
    program(place / "man", 'echo "man shows it by $PAGER"')
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    env = {"TERM": "xterm", "PAGER": pager} | env
    terminal = Terminal(GAGE, "help", "ls", cwd=str(place), env=env)
    text, code = terminal.end()
    assert (text.partition("\n")[0], code) == ("NAME", 0)
    assert "man shows it" not in text
    assert paged(place, "help", "ls", GAGE_PAGER=pager, **env) == f"man shows it by {pager}\n"
