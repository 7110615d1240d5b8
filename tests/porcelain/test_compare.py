import csv
import io
import json
import os

import pytest

from tests.porcelain.place import gage, gage_on_terminal, put, write_run


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


@pytest.fixture
def three(home):
    """Three runs that differ in a flag and a metric, the oldest first."""
    return [
        write_run(home, number, config={"lr": lr, "seed": 1}, metrics={"loss": loss, "same": 2})
        for number, lr, loss in ((1, 0.1, 0.5), (2, 0.2, 1 / 3), (3, 0.3, 0.7))
    ]


def compare(place, *words):
    return gage("compare", *words, cwd=place)


def test_only_what_differs_is_shown(tmp_path, three):
    told = compare(tmp_path)
    assert (told.err, told.code) == ("", 0)
    assert told.out.split("\n") == [
        "     id        lr   loss",
        "[1]  00030003  0.3  0.7",
        "[2]  00020002  0.2  0.3333333333333333",
        "[3]  00010001  0.1  0.5",
        "",
    ]


def test_everything_is_shown_on_request(tmp_path, three):
    told = compare(tmp_path, "--all", "3")
    assert told.out.split("\n")[0].split() == [
        *("id", "operation", "status", "lr", "seed", "loss", "same"),
    ]
    assert told.out.split("\n")[1].split() == [
        *("[3]", "00010001", "train", "completed", "0.1", "1", "0.5", "2"),
    ]


def test_a_run_alone_is_shown_with_all_that_it_has(tmp_path, three):
    assert compare(tmp_path, "3").out == compare(tmp_path, "3", "--all").out


def test_operation_status_and_label_are_shown_where_they_differ(tmp_path, home, three):
    write_run(home, 4, "other", exit=1, config={})
    gage("runs", "label", "best", "1", cwd=tmp_path)
    lines = compare(tmp_path).out.split("\n")
    assert lines[0].split() == [
        *("id", "operation", "status", "label", "lr", "seed", "loss", "same"),
    ]
    assert lines[1].split() == ["[1]", "00040004", "other", "error", "best"]


def test_lines_are_sorted_and_keep_their_numbers(tmp_path, home, three):
    write_run(home, 4, config={"lr": 9})
    numbers = [line[:3] for line in compare(tmp_path, "--sort", "loss").out.split("\n")[1:-1]]
    assert numbers == ["[3]", "[4]", "[2]", "[1]"]
    numbers = [line[:3] for line in compare(tmp_path, "--sort", "-loss").out.split("\n")[1:-1]]
    assert numbers == ["[2]", "[4]", "[3]", "[1]"]


def test_columns_are_chosen_in_their_order(tmp_path, three):
    told = compare(tmp_path, "-c", "same,lr", "-c", "started", "-n", "1")
    assert told.out == (
        "     id        same  lr   started\n[1]  00030003  2     0.3  2025-11-21 15:00:00\n"
    )


def test_a_value_that_runs_only_print_is_said_to_be_no_field_yet(tmp_path):
    write_run(str(tmp_path / "runs"), 1, "train", output=b"step: 1 loss: 0.5\n")
    hint = "hint: gage plot loss draws what runs print; `metrics` of the operation keeps it\n"
    for words in (("compare", "-c", "loss"), ("compare", "--sort", "loss")):
        told = gage("--runs", "runs", *words, cwd=tmp_path)
        assert told.err == f"gage compare: loss: no such field in these runs\n{hint}"
    told = gage("--runs", "runs", "runs", "-Fe", "loss < 1", cwd=tmp_path)
    assert told.err == f"gage runs: no run here has a value loss\n{hint}"


def test_a_field_that_no_run_has_is_said_with_the_nearest(tmp_path, three):
    for words in (("-c", "los"), ("--sort", "-los")):
        told = compare(tmp_path, *words)
        assert told.err == (
            "gage compare: los: no such field in these runs\nhint: did you mean loss?\n"
        )
        assert told.code == 10
    assert compare(tmp_path, "-c", "comments,op").code == 0


def test_no_name_stands_for_two_columns(tmp_path, home):
    for number in (1, 2):
        config = {"loss": number, "status": number, "config.x": number, "none": None}
        write_run(home, number, config=config, metrics={"loss": 10 * number})
    told = compare(tmp_path, "--json")
    found = json.loads(told.out.split("\n")[0])
    del found["id"], found["run_dir"]
    assert found == {"loss": 2, "config.status": 2, "config.config.x": 2, "metrics.loss": 20}
    for name in found:
        assert compare(tmp_path, "-c", name).code == 0
    assert compare(tmp_path, "-c", "none").code == 0


def test_json_is_an_object_a_run(tmp_path, home, three):
    write_run(home, 4, config={"lr": 0.4, "seed": 1}, metrics={"same": 2})
    lines = compare(tmp_path, "--json", "--sort", "lr", "-c", "lr,loss,tags,started")
    found = [json.loads(line) for line in lines.out.split("\n")[:-1]]
    assert found[0] == {
        "id": three[0],
        "run_dir": f"{home}/{three[0]}",
        "lr": 0.1,
        "loss": 0.5,
        "tags": [],
        "started": "2025-11-21T13:00:00.000000Z",
    }
    assert "loss" not in found[3]


def test_csv_is_read_back_whatever_is_in_it(tmp_path, home):
    texts = ['a,"b"\n\x1b[2J', "=1+1", "é\udcff"]
    for number, text in enumerate(texts, 1):
        write_run(home, number, config={"x,y\n": text, "on": number == 1})
    told = compare(tmp_path, "--csv", "--sort", "initialized")
    head, *lines = csv.reader(io.StringIO(told.out, newline=""))
    assert head == ["id", "x,y\n", "on"]
    assert [line[1:] for line in lines] == [
        [text, "yes" if text == texts[0] else "no"] for text in texts
    ]
    assert len(lines[0][0]) == 32
    assert compare(tmp_path, "--csv", "--json").code == 2


def test_on_a_terminal_lines_fit_and_in_a_pipe_nothing_is_cut(tmp_path, home):
    for number in (1, 2):
        write_run(
            home,
            number,
            config={f"flag{i}": f"{number}{'x' * 30}" for i in range(2)} | {"lr": number},
            metrics={"loss": number / 3},
        )
    shown, code = gage_on_terminal("compare", cwd=tmp_path, columns=60, env={"NO_COLOR": "1"})
    assert code == 0
    lines = shown.split("\n")
    assert max(map(len, lines)) == 60
    assert lines[1].endswith("…  2   0.666667")
    shown, _ = gage_on_terminal("compare", cwd=tmp_path, columns=40, env={"NO_COLOR": "1"})
    said, hint, head, *lines = shown.split("\n")
    assert said == "gage compare: too narrow for loss"
    assert hint == "hint: -c chooses columns"
    assert head.split() == ["id", "flag0", "flag1", "lr"]
    assert max(map(len, lines)) <= 40
    told = compare(tmp_path)
    assert "x" * 30 in told.out and "0.6666666666666666" in told.out


def test_a_terminal_gets_colour_and_nothing_that_steers_it(tmp_path, home):
    write_run(home, 1, config={"a\x1b[2J": "\x9b1m"})
    write_run(home, 2, exit=1, config={"a\x1b[2J": "x\ny"})
    shown, _ = gage_on_terminal("compare", cwd=tmp_path)
    assert "\x1b[31merror\x1b[0m" in shown
    shown, _ = gage_on_terminal("compare", cwd=tmp_path, env={"NO_COLOR": "1"})
    assert "\x1b" not in shown and "\x9b" not in shown
    shown, _ = gage_on_terminal("compare", "--csv", cwd=tmp_path)
    assert "\x1b" not in shown and "\x9b" not in shown


def test_filters_choose_and_none_is_an_empty_table(tmp_path, three):
    assert compare(tmp_path, "-Fe", "lr > 0.1").out.count("[") == 2
    assert compare(tmp_path, "-Fe", "lr > 1") == ("", "", 0)
    assert compare(tmp_path, "-Fe", "lr > 1", "--sort", "lr", "--csv").out == "id\n"
    assert compare(tmp_path, "none").code == 10


@pytest.mark.parametrize("words", [["-Fo", "trian"], ["-Fe", "op=trian"]])
def test_what_no_run_has_is_told_as_by_gage_runs(tmp_path, three, words):
    for command in ("compare", "runs"):
        told = gage(command, *words, cwd=tmp_path)
        said = f"gage {command}: no run here is of trian\nhint: did you mean train?\n"
        assert told == ("", said, 0)
    assert compare(tmp_path, *words, "--json") == ("", "", 0)


def test_a_damaged_run_is_compared_as_far_as_it_goes(tmp_path, home, three):
    put(os.path.join(home, three[0] + ".meta", "config.json"), b"\xff{")
    told = compare(tmp_path)
    assert (told.err, told.code) == ("", 0)


def test_a_terminal_that_is_too_narrow_for_anything_says_so(tmp_path, home):
    write_run(home, 1, config={"lr": 0.1})
    for columns in range(1, 12):
        shown, code = gage_on_terminal("compare", cwd=tmp_path, columns=columns)
        assert (code, "Traceback" in shown) == (0, False), columns
        assert "too narrow for " in shown.replace("\n", "")
