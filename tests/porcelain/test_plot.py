import json
import os
import re
import subprocess
import sys

import pytest

from gage.output_index import Record, format_record
from tests.porcelain.place import NOON, gage, gage_on_terminal, put, write_run

pytest.importorskip("plotext")

LOSS = b"".join(b"step: %d loss: %f\n" % (step, 1 / step) for step in range(1, 31))
DEFINED = {"opdef.json": json.dumps({"flags": {}, "metrics": {"loss": r"loss: (\S+)"}})}


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def plot(place, *words, env=None):
    return gage("plot", *words, cwd=place, env={"TERM": "xterm"} | (env or {}))


def test_a_metric_of_the_newest_run_is_drawn(tmp_path, home):
    write_run(home, 1, output=b"loss: 7\n", facts=DEFINED)
    id = write_run(home, 2, output=LOSS, facts=DEFINED, given=["lr"])
    told = plot(tmp_path, "loss")
    assert (told.err, told.code) == ("", 0)
    lines = told.out.split("\n")
    assert lines[0] == "loss"
    assert max(map(len, lines)) == 80
    assert {"10", "20", "30"} <= set(lines[-4].split())
    assert lines[-3].strip() == "step"
    assert lines[-2] == f"⣀⠤⠒⠉  {id[:8]}  train  lr=0.1  0.033333"
    assert "\x1b" not in told.out


def test_runs_are_drawn_in_one_chart_with_a_legend(tmp_path, home):
    one = write_run(home, 1, output=LOSS, facts=DEFINED)
    other = write_run(home, 2, output=LOSS.replace(b"0.", b"1."), facts=DEFINED)
    told = plot(tmp_path, "loss", "1-2")
    chart, legend = told.out.split("step\n")
    assert "a" in chart and "b" in chart
    assert [line.split()[:2] for line in legend.split("\n")[:-1]] == [
        ["a", other[:8]],
        ["b", one[:8]],
    ]


def test_a_terminal_gets_colour_and_its_own_width(tmp_path, home):
    write_run(home, 1, output=LOSS, facts=DEFINED)
    write_run(home, 2, output=LOSS, facts=DEFINED)
    shown, code = gage_on_terminal("plot", "loss", "1-2", cwd=tmp_path, columns=50)
    assert code == 0
    assert "\x1b[36m⣀⠤⠒⠉\x1b[0m  0002" in shown
    shown, _ = gage_on_terminal(
        "plot", "loss", "1-2", cwd=tmp_path, columns=50, env={"NO_COLOR": "1", "LINES": "20"}
    )
    assert "\x1b" not in shown
    lines = shown.split("\n")
    assert max(map(len, lines)) == 50
    assert len(lines) <= 20


@pytest.mark.parametrize("env", [{"GAGE_PLAIN": "1"}, {"TERM": "dumb"}])
def test_who_wants_plain_lines_has_a_chart_of_ascii(tmp_path, home, env):
    for number, lr in ((1, 0.1), (2, 0.2)):
        write_run(home, number, output=LOSS, facts=DEFINED, config={"lr": lr})
    for words in (["1"], ["1-2"], ["1-2", "--x", "lr"]):
        shown, code = gage_on_terminal("plot", "loss", *words, cwd=tmp_path, env=env)
        assert (code, plot(tmp_path, "loss", *words, env=env).out.isascii()) == (0, True)
        assert shown.isascii() and "\x1b" not in shown
        assert "+----" in shown and "|" in shown
    assert "\n*  0002" in plot(tmp_path, "loss", env=env).out


def test_a_run_that_has_not_ended_is_drawn(tmp_path, home):
    id = write_run(home, 1, exit=None, facts=DEFINED)
    put(os.path.join(home, id + ".meta", "output", "40_run"), LOSS[:100])
    assert plot(tmp_path, "loss").code == 0


def test_time_is_counted_from_the_start(tmp_path, home):
    id = write_run(home, 1, output=b"loss: 1\nloss: 2\n", facts=DEFINED)
    start = NOON + 3_600_000_000
    index = [Record(start + 5_000_000, "o", 8), Record(start + 25_000_000, "o", 8)]
    path = os.path.join(home, id + ".meta", "output", "40_run.index")
    put(path, b"".join(map(format_record, index)))
    told = plot(tmp_path, "loss", "--x", "time")
    assert {"10", "15", "20", "25"} <= set(told.out.split())
    assert "seconds since the start" in told.out
    os.remove(path)
    told = plot(tmp_path, "loss", "--x", "time")
    assert told.err == "gage plot: loss: no value that can be drawn over the time\n"
    assert told.code == 10


def test_final_values_are_drawn_over_a_flag(tmp_path, home):
    for number, lr in enumerate((0.001, 0.01, 0.1, 1), 1):
        write_run(home, number, config={"lr": lr, "name": "x"}, metrics={"loss": lr + 1})
    write_run(home, 5, config={"name": "x"}, metrics={"loss": 1})
    told = plot(tmp_path, "loss", "--x", "lr")
    assert told.code == 0
    assert told.out.count("●") == 4
    assert "lr (logarithmic)" in told.out
    assert {"0.001", "0.01", "0.1", "1"} <= set(told.out.split())
    assert told.err == "gage plot: 1 of 5 runs has no loss, or no lr\n"
    told = plot(tmp_path, "loss", "-n", "3")
    assert told.code == 10
    assert told.err.endswith("hint: gage plot loss --x lr draws these\n")


def test_json_has_every_point_and_needs_no_plotext(tmp_path, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    id = write_run(home, 1, output=b"step: 5 loss: 1\nloss: nan\n", metrics={"loss": 3})
    told = plot(tmp_path, "loss", "--json")
    assert told.err == ""
    assert told.out.startswith(
        f'{{"id": "{id}", "metric": "loss", "points": [{{"step": 5, "value": 1}}, '
    )
    found = json.loads(plot(tmp_path, "loss", "--json", "--x", "lr").out)
    assert found == {"id": id, "metric": "loss", "x": 0.1, "value": 3}


def test_without_plotext_it_is_said_what_to_install(tmp_path, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    write_run(home, 1, output=LOSS)
    told = plot(tmp_path, "loss")
    assert told.out == ""
    assert told.err == (
        "gage plot: plotext, which draws charts, is not installed here\n"
        "hint: pip install 'gage[plot]', or use --json\n"
    )
    assert told.code == 2


def test_another_plotext_is_told_from_none(tmp_path, home):
    write_run(home, 1, output=LOSS)
    put(str(tmp_path / "other" / "plotext" / "__init__.py"), b'__version__ = "6.1.0"\n')
    env = os.environ | {"PYTHONPATH": str(tmp_path / "other")}
    told = subprocess.run(["gage", "plot", "loss"], cwd=tmp_path, env=env, capture_output=True)
    assert told.stdout == b""
    assert told.stderr == (
        b"gage plot: plotext 6.1.0: gage needs 5\nhint: pip install 'gage[plot]', or use --json\n"
    )
    assert told.returncode == 2


def test_what_cannot_be_drawn_is_said(tmp_path, home):
    assert plot(tmp_path, "loss").code == 10
    write_run(home, 1, output=LOSS, facts=DEFINED)
    told = plot(tmp_path, "los")
    assert told.err == "gage plot: 00010001: no values of los\nhint: it has loss\n"
    assert told.code == 10
    told = plot(tmp_path, "loss", "--x", "nothing")
    assert told.err == "gage plot: --x nothing: no number in these runs\nhint: such are lr\n"
    assert plot(tmp_path).code == 2
    write_run(home, 2, output=b"loss: inf\n")
    assert plot(tmp_path, "loss").code == 10
    write_run(home, 3, output=b"")
    assert "a line such as `loss: 0.3`" in plot(tmp_path, "loss").err
    told = plot(tmp_path, "loss", "1", "3")
    assert told.code == 0
    assert told.err == "gage plot: 00030003: no values of loss\n"


def test_one_value_or_the_same_always_is_drawn(tmp_path, home):
    write_run(home, 1, output=b"loss: 1\n")
    assert plot(tmp_path, "loss").code == 0
    write_run(home, 2, output=b"loss: 5\nloss: 5\nloss: -1e299\nloss: 1e299\n")
    assert plot(tmp_path, "loss").code == 0


def test_names_from_a_run_do_not_steer_the_terminal(tmp_path, home):
    name = "a\x1b[2J"
    config = {name: "\x9b1m"}
    write_run(home, 1, output=f"{name}: 1\n{name}: 2\n".encode(), config=config, given=[name])
    shown, code = gage_on_terminal("plot", name, cwd=tmp_path, env={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b" not in shown and "\x9b" not in shown


def test_final_values_over_a_time_are_drawn_in_seconds_since_the_first(tmp_path, home):
    for number in (1, 2, 3):
        write_run(home, number, metrics={"loss": number})
    told = plot(tmp_path, "loss", "--x", "started", env={"TZ": "UTC"})
    assert told.code == 0
    assert "started, in seconds since 2025-11-21 13:00:00" in told.out
    assert {"0", "2000", "4000", "6000"} <= set(told.out.split())


def test_a_legend_of_many_runs_stands_in_columns(tmp_path, home):
    for number in range(1, 9):
        write_run(home, number, output=LOSS, facts=DEFINED)
    shown, code = gage_on_terminal("plot", "loss", "-n", "8", cwd=tmp_path)
    lines = re.sub("\x1b\\[[0-9;]*m", "", shown).splitlines()
    legend = [line for line in lines if re.search(r"\b000\d000\d\b", line)]
    assert (code, len(legend)) == (0, 8)
    assert len({re.search(r"000\d000\d", line).start() for line in legend}) == 1
