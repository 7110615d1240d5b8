"""GAGE_TRACE: the plumbing that a command goes through, which sh can do again."""

import os
import re
import sys

import pytest

from gage.attempts import attempt_numbers
from gage.listing import read_rows
from gage.run import open_run
from tests.pipelines import CHAIN, TRAIN, Project
from tests.place import copy_project
from tests.porcelain.place import gage, gage_on_terminal
from tests.programs import QUICK, program, read, write

HOME = ".gage/runs"
LINE = re.compile(r"trace: \d+\.\d{3} s  (?P<command>gage-\S+.*|GAGE_STEPS=.*)")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The project `train`, which is the current directory."""
    monkeypatch.chdir(copy_project("train", str(tmp_path / "project")))
    return os.getcwd()


def traced(*words, to="../trace", **env):
    """What a command says, and the commands that it traced to a file."""
    path = os.path.abspath(to)
    told = gage(*words, cwd=".", env={**QUICK, "GAGE_TRACE": path} | env)
    text = read(path) if os.path.exists(path) else ""
    if text:
        os.unlink(path)
    return told, text


def commands(text):
    """A trace as a script."""
    return re.sub(r"(?m)^trace: \d+\.\d{3} s  ", "", text)


def names(text):
    return [match["command"].split(" ")[0] for match in LINE.finditer(text)]


def the_id(operation="train"):
    return next(row.id for row in read_rows(HOME) if row.operation == operation)


def replayed(text, id, **env):
    """Run the commands of a trace for another run beside that with the *id*."""
    script = commands(text).replace(id, "again")
    return program("sh", "-c", script, cwd="/", env=env)


def test_a_run_tells_each_verb_with_its_time(place):
    told, text = traced("run", "-y")
    assert (told.code, told.err) == (0, "")
    run = f"{place}/{HOME}/{the_id()}"
    assert commands(text).splitlines() == [
        f"gage-init -C {place} {run}",
        f"gage-stage -C {place} {run}",
        f"gage-exec {run}",
        f"gage-finalize {run}",
    ]
    assert all(map(LINE.fullmatch, text.splitlines()))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 0),
        (["train", "lr=0.3", "-l", "it's $a `label", "-t", "one", "-t", "two"], 0),
        (["--force-flags", "epochs=4"], 0),
        (["bad.sh"], 7),
        (["-q", "lr=0.2"], 0),
    ],
)
def test_what_is_traced_makes_an_equal_run(place, words, code):
    write("bad.sh", "echo no; exit 7\n")
    told, text = traced("run", "-y", *words)
    assert told.code == code, told.err
    id = read_rows(HOME)[0].id
    again = replayed(text, id)
    # But for the run dir that gage-init prints, it is the same to see, too.
    quiet = f"{place}/{HOME}/again\n"
    assert (again.out, again.err) == (quiet + told.out, "")
    assert gage("runs", "diff", id, f"{HOME}/again", cwd=".") == ("", "", 0)
    one, two = sorted(read_rows(HOME), key=lambda row: row.name == "again")
    kept = ("operation", "status", "label", "settings", "data", "exit", "tags", "given")
    assert [getattr(one, name) for name in kept] == [getattr(two, name) for name in kept]
    assert one.exit == code


def test_a_batch_from_a_file_is_traced_so_that_it_can_be_made_again(place):
    write("rows.csv", "lr\n0.1\n0.2\n")
    told, text = traced("run", "-y", "--batch", "rows.csv", "-j", "2")
    assert told.code == 0, told.err
    assert "GAGE_STEPS=--jobs=2 gage-exec " in text
    batch = next(row for row in read_rows(HOME) if not row.parent)
    assert replayed(text, batch.id).code == 0
    assert [row.status for row in read_rows(HOME)] == ["completed"] * 6


def test_a_secret_is_masked_and_comes_from_the_environment(place):
    text = "t: {exec: 'echo \"$FLAG_TOKEN\" > ../seen', flags: {token: {secret: true}}}\n"
    write("gage.yaml", text)
    told, trace = traced("run", "t", "token=CANARY-1", "-y")
    assert told.code == 0, told.err
    assert "CANARY" not in trace
    assert "'token=***'" in trace
    os.unlink(f"{HOME}/seen")
    assert replayed(trace, the_id("t"), FLAG_TOKEN="CANARY-1").code == 0
    assert read(f"{HOME}/seen") == "CANARY-1\n"


def test_a_restart_with_a_new_secret_masks_it(place):
    write("gage.yaml", "t: {exec: 'true', flags: {token: {secret: true}, n: 1}}\n")
    assert traced("run", "t", "token=CANARY-1", "-y")[0].code == 0
    told, trace = traced("restart", "1", "token=CANARY-2", "n=2", "-y")
    assert told.code == 0, told.err
    assert "CANARY" not in trace
    assert names(trace) == ["gage-reopen", "gage-exec", "gage-finalize"]


def test_a_restart_is_reopening_and_can_be_done_again(place):
    write("fail.sh", "echo $FLAG_N >> n; exit 3\n")
    write("gage.yaml", "fail: {exec: sh fail.sh, flags: {n: 1}}\n")
    _, first = traced("run", "fail", "-y")
    told, then = traced("restart", "1", "n=2", "--clean", "-y")
    assert told.code == 3, told.err
    assert names(then) == ["gage-reopen", "gage-exec", "gage-finalize"]
    assert re.search(r"gage-reopen --clean \S+ n=2\n", then)
    id = the_id("fail")
    assert replayed(first + then, id).code == 0
    again = open_run(f"{HOME}/again")
    assert attempt_numbers(again) == [1]
    assert gage("runs", "diff", id, f"{HOME}/again", cwd=".") == ("", "", 0)


def test_a_pipeline_is_traced_as_the_run_that_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(Project(tmp_path / "p", CHAIN, train_py=TRAIN).path)
    told, text = traced("run", "all", "lr=11", "-y")
    assert told.code == 3
    assert names(text) == ["gage-init", "gage-stage", "gage-exec", "gage-finalize"]
    told, then = traced("restart", "all", "lr=1", "--needed", "-y")
    assert told.code == 0, told.err
    assert "GAGE_STEPS=--needed gage-exec " in then
    assert replayed(text + then, the_id("all")).code == 0
    steps = program("gage-link-steps", f"{HOME}/again")
    assert [line.split("\t")[1] for line in steps.out.splitlines()] == ["ok"] * 3


def test_a_verb_that_fails_is_traced_too(place):
    write("gage.yaml", "t: {exec: 'true', depends: [{files: gone.txt}]}\n")
    told, text = traced("run", "t", "-y")
    assert told.code == 125
    assert names(text) == ["gage-init", "gage-stage"]


def test_checking_runs_is_traced(place):
    traced("run", "-y")
    told, text = traced("check", "--runs")
    assert told.code == 0
    assert commands(text) == f"gage-fsck {place}/{HOME}/{the_id()}\n"


def test_one_is_standard_error(place):
    told = gage("run", "-y", "-q", cwd=".", env={**QUICK, "GAGE_TRACE": "1"})
    assert names(told.err) == ["gage-init", "gage-stage", "gage-exec", "gage-finalize"]
    assert told.out == ""


def test_a_number_is_a_descriptor(place):
    env = {"GAGE_TRACE": "7"}
    assert program("sh", "-c", "gage run -y -q 7> trace", env=env) == ("", "", 0)
    assert len(names(read("trace"))) == 4


def test_a_file_is_added_to(place):
    env = {"GAGE_TRACE": f"{place}/trace"}
    for _ in range(2):
        assert program("gage", "run", "-y", "-q", env=env).code == 0
    assert len(names(read("trace"))) == 8


@pytest.mark.parametrize("value", ["", "0"])
def test_nothing_is_traced_unless_it_is_wanted(place, value):
    told = gage("run", "-y", "-q", cwd=".", env={**QUICK, "GAGE_TRACE": value})
    assert told == ("", "", 0)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("trace.log", "gage: GAGE_TRACE=trace.log: no place for a trace\nhint: GAGE_TRACE=1"),
        ("9", "gage: GAGE_TRACE=9: Bad file descriptor"),
        ("/no/such/file", "gage: GAGE_TRACE=/no/such/file: No such file or directory"),
    ],
)
def test_a_place_that_is_none_is_said_once_and_stops_nothing(place, value, said):
    told = program("gage", "run", "-y", "-q", env={"GAGE_TRACE": value})
    assert told.code == 0
    assert told.err.startswith(said)
    assert told.err.count("GAGE_TRACE=" + value) == 1


def test_on_a_terminal_a_trace_steers_nothing(place):
    label = "a\x1b[2Jb"
    env = {**QUICK, "GAGE_TRACE": "1"}
    shown, code = gage_on_terminal("run", "-y", "-l", label, cwd=".", env=env, columns=300)
    assert code == 0
    assert "\x1b[2J" not in shown
    # Each stands on a line of its own, whatever was shown before.
    assert shown.count("\r\x1b[Ktrace: ") == 4


def test_what_is_untraced_imports_nothing_for_it(place):
    script = "import sys, gage.plumbing.exec; print('gage.porcelain.trace' in sys.modules)"
    assert program(sys.executable, "-c", script).out == "False\n"
