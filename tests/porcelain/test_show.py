import json
import os

import pytest

from gage.porcelain.runs import duration
from tests.porcelain.place import gage, gage_on_terminal, write_run, write_steps


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def test_everything_about_a_run_is_shown(tmp_path, home):
    taken = [
        {"path": "vocab.txt", "digest": "0" * 64, "file": "data/vocab.txt"},
        {
            "path": "x.csv",
            "digest": "blake3:" + "1" * 64,
            "run": "ab" * 16,
            "operation": "prepare",
            "file": "x.csv",
        },
    ]
    id = write_run(
        home,
        1,
        "m1:train",
        config={"lr": 0.1, "fail": False},
        given=["lr"],
        metrics={"loss": 0.25},
        files={"model": b"x"},
        facts={
            "dependencies.json": json.dumps(taken),
            "proc/cmd.json": json.dumps(["python", "a b.py"]),
            "proc/env.json": json.dumps({"THREADS": "1"}),
            "sys/project.json": json.dumps("/home/p"),
        },
    )
    gage("runs", "label", "best", cwd=tmp_path)
    gage("runs", "tag", "a,b", cwd=tmp_path)
    gage("runs", "comment", "well\ndone", cwd=tmp_path)
    told = gage("show", cwd=tmp_path)
    assert told.err == ""
    lines = told.out.split("\n")
    comment = lines.index("comments") + 1
    assert lines[comment].endswith("  well\\ndone")
    lines[comment] = "..."
    assert lines == [
        f"id         {id}",
        "operation  m1:train",
        "status     completed",
        "label      best",
        "tags       a, b",
        "started    2025-11-21 13:00:00",
        "stopped    2025-11-21 13:00:02",
        "duration   2.1 s",
        "exit       0",
        "command    python 'a b.py'",
        f"run dir    {home}/{id}",
        "project    /home/p",
        "files      1 source, 1 generated",
        "",
        "flags",
        "  lr    0.1  given",
        "  fail  no",
        "",
        "metrics",
        "  loss  0.25",
        "",
        "dependencies",
        "  vocab.txt  from the project: data/vocab.txt  000000000000",
        "  x.csv      from prepare abababab: x.csv      blake3:111111111111",
        "",
        "environment",
        "  THREADS  1",
        "",
        "comments",
        "...",
        "",
        "log",
        "  2025-11-21 12:00:00  initialized m1:train",
        "",
    ]
    facts = json.loads(gage("show", "--json", cwd=tmp_path).out)
    assert facts["command"] == ["python", "a b.py"]
    assert facts["dependencies"] == taken
    assert facts["files"] == {"source": 1, "generated": 1}
    assert facts["sys"] == {"project": "/home/p"}
    assert facts["opdef"] == {"flags": {}}
    assert (facts["duration"], facts["output"]) == (2_100_000, 0)
    assert facts["log"] == [
        {"time": "2025-11-21T12:00:00.000000Z", "message": "initialized m1:train"}
    ]


def test_a_staged_run_is_shown_with_what_is_known(tmp_path, home):
    write_run(home, 1, exit=None)
    shown = gage("show", cwd=tmp_path).out
    assert "status       staged\ninitialized  2025-11-21 12:59:58\n" in shown
    assert "started" not in shown


@pytest.mark.parametrize(
    "fact", ["config.json", "proc/cmd.json", "manifest", "opdef.json", "log/runner", "id"]
)
@pytest.mark.parametrize("damage", [b"\xff{", None])
def test_a_damaged_run_is_shown_as_far_as_it_goes(tmp_path, home, fact, damage):
    id = write_run(home, 1, facts={"dependencies.json": "[1, {}]"})
    path = os.path.join(home, id + ".meta", fact)
    os.remove(path)
    if damage:
        with open(path, "wb") as file:
            file.write(damage)
    for words in ((), ("--json",)):
        told = gage("show", *words, cwd=tmp_path)
        assert (told.err, told.code) == ("", 0)
        assert "train" in told.out


def test_hostile_names_are_shown_escaped(tmp_path, home):
    write_run(home, 1, config={"a\x1b[2J": "\x9b1m"}, facts={"log/runner": "x \x1b]52;c;AA\x07"})
    shown, code = gage_on_terminal("show", cwd=tmp_path, env={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_one_run_is_shown(tmp_path, home):
    write_run(home, 1)
    write_run(home, 2)
    assert gage("show", "2", cwd=tmp_path).out.startswith("id         0001")
    assert gage("show", "1-2", cwd=tmp_path).code == 2
    assert gage("show", "none", cwd=tmp_path).code == 10


def test_a_duration_is_told_briefly():
    told = [duration(micros) for micros in (-1, 230_400, 1_549_999, 185_000_000, 7_500_000_000)]
    assert told == ["0 ms", "230 ms", "1.5 s", "3 min 5 s", "2 h 5 min"]
    told = [duration(micros) for micros in (999_499, 999_600, 59_940_000, 59_970_000)]
    assert told == ["999 ms", "1.0 s", "59.9 s", "1 min 0 s"]


def test_attempts_are_shown_with_the_values_that_changed(tmp_path, home):
    facts = {
        "attempts/1/config.json": '{"lr": 0.1, "x": 1}',
        "attempts/1/started": "1763722800000000",
        "attempts/1/stopped": "1763722801500000",
        "attempts/1/proc/exit": "-9",
        "attempts/2/config.json": '{"lr": 0.2, "x": 1}',
    }
    write_run(home, 1, config={"lr": 0.2, "x": 1, "new": None}, facts=facts)
    shown = gage("show", cwd=tmp_path).out
    assert (
        "\nattempts\n"
        "  1  2025-11-21 11:00:00  1.5 s  -9  terminated  lr=0.1\n"
        "  2                                  completed   lr=0.2\n"
        "  3  2025-11-21 13:00:00  2.1 s  0   completed   lr=0.2 new=\n"
    ) in shown
    attempts = json.loads(gage("show", "--json", cwd=tmp_path).out)["attempts"]
    assert attempts[0] == {
        "number": 1,
        "started": "2025-11-21T11:00:00.000000Z",
        "stopped": "2025-11-21T11:00:01.500000Z",
        "duration": 1_500_000,
        "exit": -9,
        "status": "terminated",
        "config": {"lr": 0.1},
    }
    assert [attempt["number"] for attempt in attempts] == [1, 2, 3]


def test_the_steps_of_a_pipeline_are_shown_as_a_tree(tmp_path, home):
    parent, passed, failed = write_steps(home)
    outer = write_run(home, 4, "all", facts={"opdef.json": '{"steps": ["m1:steps-restart", "x"]}'})
    os.symlink(f"../{parent}", os.path.join(home, outer, "steps-restart"))
    os.symlink(f"../{'f' * 32}", os.path.join(home, outer, "x"))
    shown = gage("show", outer, cwd=tmp_path).out
    assert (
        "\nsteps\n"
        f"  steps-restart  {parent[:8]}  m1:steps-restart  error"
        "      2025-11-21 13:00:00  2.1 s  fail=yes\n"
        f"    fail         {passed[:8]}  m1:fail           completed"
        "  2025-11-21 14:00:00  2.1 s  fail=no\n"
        f"    fail_2       {failed[:8]}  m1:fail           error"
        "      2025-11-21 15:00:00  2.1 s  fail=yes\n"
        "  x                                          dangling\n"
    ) in shown
    steps = json.loads(gage("show", outer, "--json", cwd=tmp_path).out)["steps"]
    assert [step["name"] for step in steps[0]["steps"]] == ["fail", "fail_2"]
    assert steps[0]["steps"][1]["started"] == "2025-11-21T15:00:00.000000Z"
    assert (steps[0]["steps"][1]["duration"], steps[0]["steps"][1]["exit"]) == (2_100_000, 1)
    assert steps[1]["link"] == "dangling"
    shown, _ = gage_on_terminal("show", outer, cwd=tmp_path)
    assert shown.count("\x1b[31merror\x1b[0m") == 2
