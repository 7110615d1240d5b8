import json
import os
import subprocess

import pytest

from gage.filters import Filters
from gage.plumbing.ls_runs import ls_runs, main
from gage.run import open_run
from tests.programs import write
from tests.written import write_run


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A runs home `runs` with the runs one, two and three, the last of them the newest."""
    monkeypatch.chdir(tmp_path)
    for n, name in enumerate(["one", "two", "three"]):
        write_run("runs", "m1:train", name=name, start=1000 + n, exit=n, config={"x": 9 - n})
    return tmp_path


def listed(capsys, *args):
    assert main(list(args)) == 0
    return capsys.readouterr().out


def test_it_prints_run_dirs_newest_first(place, capsys):
    assert listed(capsys, "--runs", "runs") == "runs/three\nruns/two\nruns/one\n"


def test_an_empty_home_and_none_print_nothing(place, capsys):
    os.mkdir("empty")
    assert listed(capsys, "--runs", "empty") == ""
    assert listed(capsys, "--runs", "none") == ""
    assert not (place / "none").exists()


def test_filters_must_all_hold(place, capsys):
    out = listed(capsys, "--runs", "runs", "--filter", "x > 7", "--filter", "status = error")
    assert out == "runs/two\n"


def test_it_sorts_and_then_cuts(place, capsys):
    assert listed(capsys, "--runs", "runs", "--sort", "name", "-n", "2") == "runs/one\nruns/three\n"
    assert listed(capsys, "--runs", "runs", "--sort=-x", "-n", "1") == "runs/one\n"


def test_it_formats(place, capsys):
    write_run("runs", name="new\nline", start=1)
    out = listed(capsys, "--runs", "runs", "--format", "%(name)%09%(exit)%09%(x)")
    assert out == "three\t2\t7\ntwo\t1\t8\none\t0\t9\nnew\\nline\t0\t\n"
    out = listed(capsys, "--runs", "runs", "-z", "--format", "%(name)", "--sort", "started", "-n1")
    assert out == "new\nline\0"


def test_json_is_an_object_a_line(place, capsys):
    lines = listed(capsys, "--runs", "runs", "--json").splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["three", "two", "one"]
    assert json.loads(lines[0])["config"] == {"x": 7}


def test_it_finds_the_home_from_another_directory(place, capsys, monkeypatch):
    (place / "project").mkdir()
    (place / "project" / "gage.yaml").write_text("train: 'true'\n$runs-dir: ../runs\n")
    (out,) = listed(capsys, "-C", "project", "-n", "1").splitlines()
    assert os.path.samefile(out + ".meta", "runs/three.meta")
    monkeypatch.setenv("GAGE_RUNS", "../runs")
    assert listed(capsys, "-C", "project", "-n", "1") == "project/../runs/three\n"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--filter", "x >"], 2),
        (["--format", "%"], 2),
        (["-n", "-1"], 2),
        (["-C", "none"], 10),
    ],
)
def test_what_makes_no_sense_is_said(place, args, code, capsys):
    assert main(["--runs", "runs", *args]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gage-ls-runs: ")


def test_a_name_of_any_bytes_goes_through_a_pipe(place):
    write_run("odd", name=os.fsdecode(b"\xff \n"))
    done = subprocess.run(["gage-ls-runs", "--runs", "odd", "-z"], capture_output=True, check=True)
    assert done.stdout == b"odd/\xff \n\0"
    status = subprocess.run(
        ["gage-status", "-z", "-"], input=done.stdout, capture_output=True, check=True
    )
    assert status.stdout == b"completed\0"


def test_a_reader_that_goes_away_is_no_fault(place):
    for n in range(300):
        write_run("many", name=f"{n}" * 60)
    done = subprocess.run(
        "gage-ls-runs --runs many --json | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "141\n"
    assert done.stderr == ""


def test_a_run_that_is_named_twice_is_listed_once(place, capsys):
    os.symlink("runs", "elsewhere")
    words = (
        "runs/one",
        "./runs/one",
        f"{place}/runs/one",
        "elsewhere/one",
        "runs//one/",
        "runs/two",
    )
    assert listed(capsys, *words) == "runs/two\nruns/one\n"


@pytest.mark.parametrize("damage", [None, "", "x' or x > 0 or id = '"])
def test_a_run_without_an_id_has_no_steps_to_be_told(place, capsys, damage):
    write_run("runs", name="step", parent=open_run("runs/one").id)
    assert listed(capsys, "--steps-of", "runs/one") == "runs/step\n"
    os.unlink("runs/one.meta/id")
    if damage is not None:
        write("runs/one.meta/id", damage)
    assert main(["--steps-of", "runs/one"]) == 20
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gage-ls-runs: runs/one: its ID is missing or damaged\n")


def test_the_same_is_a_function(place):
    rows = ls_runs("runs", Filters(expressions=("x < 9",), limit=1), ["x"])
    assert [row.name for row in rows] == ["three"]
