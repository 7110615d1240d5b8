import json
import os

import pytest

from tests.porcelain.place import gage, gage_on_terminal, write_run, write_steps


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def test_runs_are_listed_the_newest_first(tmp_path, home):
    write_steps(home)
    assert gage("runs", cwd=tmp_path).out == (
        "[1]  00030003  m1:fail           2025-11-21 15:00:00  error      fail=yes\n"
        "[2]  00020002  m1:fail           2025-11-21 14:00:00  completed  fail=no\n"
        "[3]  00010001  m1:steps-restart  2025-11-21 13:00:00  error      fail=yes\n"
    )


def test_the_simple_form_is_that_of_the_contract(tmp_path, home):
    write_steps(home)
    assert gage("runs", "-s", cwd=tmp_path).out == (
        "[1]  m1:fail           error      fail=yes\n"
        "[2]  m1:fail           completed  fail=no\n"
        "[3]  m1:steps-restart  error      fail=yes\n"
    )


def test_no_runs_are_no_lines_and_no_error(tmp_path):
    assert gage("runs", cwd=tmp_path) == ("", "", 0)
    assert gage("runs", "--json", cwd=tmp_path) == ("", "", 0)
    assert not os.path.exists(tmp_path / ".gage")


def test_numbers_are_as_wide_as_the_widest_and_no_line_ends_in_a_space(tmp_path, home):
    for number in range(10):
        write_run(home, number + 1, config={})
    lines = gage("runs", "-s", cwd=tmp_path).out.split("\n")
    assert lines[0] == "[1]   train  completed"
    assert lines[9] == "[10]  train  completed"


def test_a_label_stands_in_place_of_the_flags(tmp_path, home):
    write_run(home, 1, given=["lr"])
    assert gage("runs", "label", "the best", cwd=tmp_path) == ("", "", 0)
    assert gage("runs", "-s", cwd=tmp_path).out == "[1]  train  completed  the best\n"


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["-Fo", "fail"], [3, 2]),
        (["-Fo", "m1:fail"], [3, 2]),
        (["-Fo", "m1"], []),
        (["-Fo", "fail", "-Fo", "steps-restart"], [3, 2, 1]),
        (["-Fl", "good"], [2]),
        (["-Ft", "x"], [2, 1]),
        (["-Ft", "x", "-Fo", "fail"], [2]),
        (["-Fs", "error"], [3, 1]),
        (["--error"], [3, 1]),
        (["--completed", "--error"], [3, 2, 1]),
        (["--staged"], []),
        (["-Fe", "fail = yes and op = fail"], [3]),
        (["-Fe", "fail = yes", "-Fe", "op = fail"], [3]),
        (["--started", "after 2025-11-21 14:00"], [3, 2]),
        (["--started", "before 2025-11-21 14:00:00"], [1]),
        (["-n", "2"], [3, 2]),
        (["--error", "-n", "1"], [3]),
        (["-n", "0"], []),
    ],
)
def test_filters_choose_runs(tmp_path, home, words, numbers):
    write_steps(home)
    gage("runs", "label", "good", "2", cwd=tmp_path)
    gage("runs", "tag", "x,y", "2", "3", cwd=tmp_path)
    told = gage("runs", *words, "--json", cwd=tmp_path)
    found = [int(json.loads(line)["id"][:4]) for line in told.out.splitlines()]
    assert (found, told.err, told.code) == (numbers, "", 0)


@pytest.mark.parametrize(
    "words", [["-Fs", "compelted"], ["-Fe", "lr >"], ["--started", "soon"], ["-n", "x"], ["-n-1"]]
)
def test_a_filter_that_makes_no_sense_is_a_usage_error(tmp_path, words):
    told = gage("runs", *words, cwd=tmp_path)
    assert (told.out, told.code) == ("", 2)
    assert told.err.startswith("gage runs: ")
    assert "Traceback" not in told.err


def test_json_has_the_names_of_the_facts_and_times_in_iso(tmp_path, home):
    id = write_run(home, 1, "m1:train", given=["lr"], metrics={"loss": 0.5})
    row = json.loads(gage("runs", "--json", cwd=tmp_path).out)
    wanted = {
        "id": id,
        "operation": "m1:train",
        "status": "completed",
        "exit": 0,
        "started": "2025-11-21T13:00:00.000000Z",
        "label": "",
        "tags": [],
        "given": ["lr"],
        "config": {"lr": 0.1},
        "metrics": {"loss": 0.5},
        "run_dir": os.path.join(home, id),
    }
    assert {name: row[name] for name in wanted} == wanted


def test_records_can_end_with_nul(tmp_path, home):
    write_run(home, 1, config={})
    assert gage("runs", "-s", "-z", cwd=tmp_path).out == "[1]  train  completed\0"


def test_a_damaged_run_is_one_row(tmp_path, home):
    write_run(home, 1)
    id = write_run(home, 2)
    os.remove(os.path.join(home, id + ".meta", "id"))
    assert gage("runs", "-s", "--unknown", cwd=tmp_path).out.endswith("unknown\n")
    assert len(gage("runs", cwd=tmp_path).out.splitlines()) == 2


def test_what_a_run_is_called_cannot_move_the_cursor(tmp_path, home):
    write_run(home, 1)
    gage("runs", "label", "\x1b]0;evil\x07\u202e", cwd=tmp_path)
    wanted = "[1]  train  completed  \\x1b]0;evil\\x07\\u202e\n"
    assert gage("runs", "-s", cwd=tmp_path).out == wanted
    shown, _ = gage_on_terminal("runs", "-s", cwd=tmp_path, env={"NO_COLOR": "1"})
    assert shown == wanted


def test_a_terminal_cuts_lines_to_its_width_and_a_pipe_never(tmp_path, home):
    write_run(home, 1)
    gage("runs", "label", "x" * 100, cwd=tmp_path)
    shown, code = gage_on_terminal("runs", cwd=tmp_path, columns=60, env={"NO_COLOR": "1"})
    assert code == 0
    assert shown == "[1]  00010001  train  2025-11-21 13:00:00  completed  xxxxx…\n"
    assert gage("runs", cwd=tmp_path, env={"COLUMNS": "60"}).out.endswith("x" * 100 + "\n")


def test_a_narrow_terminal_has_room_for_status_and_flags_and_none_for_the_date(tmp_path, home):
    write_run(home, 1, given=["lr"])
    shown, _ = gage_on_terminal("runs", cwd=tmp_path, columns=59, env={"NO_COLOR": "1"})
    assert shown == "[1]  00010001  train  completed  lr=0.1\n"
    shown, _ = gage_on_terminal("runs", cwd=tmp_path, columns=59)
    assert "\x1b[32mcompleted\x1b[0m" in shown
    assert "2025" in gage("runs", cwd=tmp_path, env={"COLUMNS": "59"}).out


def test_only_a_terminal_that_allows_it_gets_colour(tmp_path, home):
    write_run(home, 1, config={})
    write_run(home, 2, exit=1, config={})
    green, red = "\x1b[32mcompleted\x1b[0m", "\x1b[31merror\x1b[0m"
    shown, _ = gage_on_terminal("runs", "-s", cwd=tmp_path)
    assert shown == f"[1]  train  {red}\n[2]  train  {green}\n"
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in gage_on_terminal("runs", cwd=tmp_path, env=env)[0]
    assert "\x1b" not in gage("runs", cwd=tmp_path, env={"TERM": "xterm"}).out


def test_a_gage_file_that_cannot_be_read_hides_no_runs_and_runs_nothing(tmp_path, home):
    write_run(home, 1)
    (tmp_path / "gage.yaml").write_text("train: [\n")
    assert gage("runs", "-s", cwd=tmp_path).out == "[1]  train  completed\n"
    assert gage("show", "1", cwd=tmp_path).code == 0
    told = gage("run", "-y", "train", cwd=tmp_path)
    assert (told.out, told.code) == ("", 125)
    assert told.err.startswith("gage run: gage.yaml:")
