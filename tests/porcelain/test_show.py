import json
import os

import pytest

from gage.porcelain.show import duration
from tests.porcelain.place import gage, gage_on_terminal, write_run


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def test_everything_about_a_run_is_shown(tmp_path, home):
    taken = [
        {"path": "vocab.txt", "digest": "0" * 64, "file": "data/vocab.txt"},
        {"path": "x.csv", "run": "ab" * 16, "operation": "prepare", "file": "x.csv"},
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
        "  vocab.txt  from the project: data/vocab.txt",
        "  x.csv      from prepare abababab: x.csv",
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
