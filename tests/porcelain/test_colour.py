"""What a terminal may be sent, by what its user has said."""

import pytest

from tests.porcelain.place import gage, gage_on_terminal, put, write_run

GREEN = "\x1b[32mcompleted\x1b[0m"


@pytest.fixture
def place(tmp_path):
    home = str(tmp_path / ".gage" / "runs")
    write_run(home, 1)
    put(f"{home}/{write_run(home, 2)}/train.py", b"lr = 0.2\n")
    return tmp_path


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": ""}, False),
        ({"GAGE_PLAIN": "1"}, False),
        ({"GAGE_PLAIN": "0"}, True),
        ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, True),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_a_terminal_is_coloured_unless_its_user_forbids_it(place, env, coloured):
    for words in (["runs"], ["show"]):
        shown, code = gage_on_terminal(*words, cwd=place, env=env)
        assert code == 0
        assert (GREEN in shown) == coloured
        assert ("\x1b" in shown) == coloured


def test_a_pipe_is_coloured_where_that_is_forced(place):
    assert "\x1b" not in gage("runs", cwd=place).out
    assert "\x1b" not in gage("runs", cwd=place, env={"CLICOLOR_FORCE": "0"}).out
    forced = {"CLICOLOR_FORCE": "1"}
    assert GREEN in gage("runs", cwd=place, env=forced).out
    assert "\x1b" not in gage("runs", cwd=place, env=forced | {"NO_COLOR": "1"}).out


def test_columns_names_the_width(place):
    shown, _ = gage_on_terminal("runs", cwd=place, columns=20, env={"NO_COLOR": "1"})
    assert {len(line) for line in shown.splitlines()} == {20}
