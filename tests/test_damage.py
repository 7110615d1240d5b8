"""One damaged run costs one row of a listing, whatever the damage."""

import json
import os
import shutil

import pytest

from gage.plumbing.status import main as gage_status
from gage.porcelain.main import main as gage
from gage.status import STATUSES
from tests.place import environment
from tests.programs import program, tree, write

DAMAGES = {
    "empty": b"",
    "cut": None,
    "garbage": b"\xff\x00\x1b[31m\n garbage",
    "other": b'{"a": [1, {"b": null}]}\n',
    "huge": b"9" * 5000,
    "deep": b"[" * 50_000,
    "gone": None,
    "a directory": None,
    "a FIFO": None,
    "half a character": b'["\\ud800"]\n',
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run with every fact that a run may have."""
    place = str(tmp_path_factory.mktemp("whole"))
    operation = {
        "exec": {"run": "echo loss 1", "stage-runtime": "echo hook", "finalize": "echo end"},
        "flags": {"lr": 0.1},
        "env": {"A": "1"},
        "config": "a.json",
        "depends": [{"files": "d"}],
        "metrics": {"loss": "loss (.)"},
    }
    write(f"{place}/project/gage.json", json.dumps({"op": operation}))
    write(f"{place}/project/a.json", '{"x": 1}')
    write(f"{place}/project/d", "d")
    words = ("-C", f"{place}/project", "op", "x=2", "lr=0.5", "-l", "label", "-t", "tag")
    run = f"{place}/runs/one"
    here = {"cwd": place, "env": environment(place)}
    assert program("gage-init", f"{place}/runs/parent", "--", "true", **here).code == 0
    assert program("gage-init", run, *words, "--parent", f"{place}/runs/parent", **here).code == 0
    for verb in ("gage-stage", "gage-exec", "gage-finalize"):
        assert program(verb, run, **here).code == 0
    return run


FACTS = [
    *("__schema__", "id", "opref", "opdef.json", "config.json", "given.json", "parent"),
    *("proc/cmd.json", "proc/env.json", "proc/exit", "initialized", "staged", "started"),
    *("stopped", "manifest", "summary.json", "dependencies.json", "sys/host.json"),
    *("log/runner", "log/files", "log/patched", "output/40_run", "output/40_run.index"),
]


def test_every_fact_is_damaged_below(whole):
    files = {path for path, (mode, _) in tree(f"{whole}.meta").items() if mode[0] == "-"}
    alike = {path for path in files if path.startswith(("sys/", "output/"))}
    assert files - alike == {fact for fact in FACTS if not fact.startswith(("sys/", "output/"))}


def damaged(path, damage):
    with open(path, "rb") as file:
        before = file.read()
    os.unlink(path)
    if damage == "a directory":
        os.mkdir(path)
    elif damage == "a FIFO":
        os.mkfifo(path)
    elif damage != "gone":
        with open(path, "wb") as file:
            data = DAMAGES[damage]
            file.write(before[: len(before) // 2] if data is None else data)


@pytest.fixture(scope="module")
def home(whole, tmp_path_factory):
    """Runs that were damaged, each in another way, and one that was not."""
    tmp_path = tmp_path_factory.mktemp("damaged")
    made = {}
    for fact in FACTS:
        for damage in DAMAGES:
            name = f"{fact.replace('/', '.')} {damage}"
            made[name] = str(tmp_path / name)
            shutil.copytree(f"{whole}.meta", f"{made[name]}.meta", symlinks=True)
            shutil.copytree(f"{whole}.user", f"{made[name]}.user")
            damaged(f"{made[name]}.meta/{fact}", damage)
    shutil.copytree(f"{whole}.meta", tmp_path / "whole.meta")
    return str(tmp_path), made


def test_a_damaged_run_costs_one_row(home):
    place, made = home
    told = program("gage-ls-runs", "--runs", place)
    assert (told.err, told.code) == ("", 0)
    assert set(told.out.split("\n")) == {*made.values(), f"{place}/whole", ""}
    for words in (["-n", "1"], ["--json"], ["--filter", "lr > 0.1 and loss < 3"]):
        assert program("gage-ls-runs", "--runs", place, *words).code == 0
    for words in ([], ["-s"], ["--json"], ["-Fo", "op"], ["-Fe", "loss < 2"], ["--completed"]):
        told = program("gage", "--runs", place, "runs", *words)
        assert (told.err, told.code) == ("", 0), words
        assert told.out
        assert not any(c in told.out for c in "\x1b\x00\x07")


def test_the_status_of_a_damaged_run_is_right_or_unknown(home):
    place, made = home
    told = program("gage-status", *made.values(), f"{place}/whole")
    assert (told.err, told.code) == ("", 0)
    statuses = dict(zip([*made, "whole"], told.out.split("\n"), strict=False))
    assert set(statuses.values()) <= set(STATUSES)
    assert statuses.pop("whole") == "completed"
    told_by = ("__schema__", "id", "proc.exit")
    for name, status in statuses.items():
        if not name.startswith(told_by):
            assert status == "completed", name
        elif name == "proc.exit gone":
            # Then a runner that died is all that is known of.
            assert status == "terminated"
        elif name in ("__schema__ cut", "proc.exit cut"):
            assert status == "completed"  # what is cut is the newline
        else:
            assert status == "unknown", name


def test_a_damaged_run_is_shown_as_far_as_it_goes(home, capfd, monkeypatch):
    place, made = home
    monkeypatch.setenv("GAGE_RUNS", place)
    for number in range(1, len(made) + 2, 2):
        code = gage(["show", str(number)])
        told = capfd.readouterr()
        assert (code, told.err) == (0, "")
        assert "Traceback" not in told.err
        assert not any(c in told.out for c in "\x1b\x00\x07")


def test_a_damaged_run_stops_no_verb_with_a_traceback(home, capfd):
    from gage.plumbing.finalize import main as gage_finalize
    from gage.plumbing.manifest import main as gage_manifest
    from gage.plumbing.output import main as gage_output

    _, made = home
    for path in made.values():
        for verb in (gage_status, gage_finalize, gage_manifest, gage_output):
            assert verb([path]) in (0, 1, 10, 12, 20, 30), (verb, path)
            assert "Traceback" not in capfd.readouterr().err, (verb, path)
