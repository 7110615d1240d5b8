import os

import pytest

from gage.errors import StateError
from gage.opdef import OpCmd
from gage.recorded import (
    read_json_fact,
    recorded_command,
    recorded_config,
    recorded_opdef,
    recorded_project,
)
from gage.run import run_meta_path
from tests.programs import program, write
from tests.written import write_run

READERS = {
    "opdef.json": recorded_opdef,
    "config.json": recorded_config,
    "proc/cmd.json": recorded_command,
    "proc/env.json": recorded_command,
}


def damaged(run, fact, text):
    os.unlink(run_meta_path(run, fact))
    if text is not None:
        write(run_meta_path(run, fact), text)


@pytest.fixture
def run(tmp_path):
    run = write_run(tmp_path, "m1:train", exit=None, config={"lr": 0.1}, opdef={"exec": "true"})
    write(run_meta_path(run, "proc", "cmd.json"), '["echo", "\udcff"]')
    write(run_meta_path(run, "proc", "env.json"), '{"A": "\udcff"}')
    return run


def test_what_was_recorded_is_read_back(run):
    assert recorded_opdef(run) == ("m1:train", {"exec": "true"})
    assert recorded_config(run) == {"lr": 0.1}
    assert recorded_command(run) == OpCmd(["echo", "\udcff"], {"A": "\udcff"})
    assert recorded_project(run) is None
    write(run_meta_path(run, "sys", "project.json"), '"/a/b"')
    assert recorded_project(run) == "/a/b"


@pytest.mark.parametrize("fact", READERS)
@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (None, "missing"),
        ("", "damaged"),
        ("{", "damaged"),
        ('{"a": 1', "damaged"),
        ("\0\udcff", "damaged"),
        ("[" * 100_000, "damaged"),
        ("7", "expected"),
        ("null", "expected"),
    ],
)
def test_a_fact_that_makes_no_sense_is_named(run, fact, text, trouble):
    damaged(run, fact, text)
    with pytest.raises(StateError, match=f"{fact}: .*{trouble}"):
        READERS[fact](run)


@pytest.mark.parametrize("text", ["[1]", '[["a"]]'])
def test_a_command_is_a_text_or_an_array_of_texts(run, text):
    damaged(run, "proc/cmd.json", text)
    with pytest.raises(StateError, match=r"cmd\.json: expected"):
        recorded_command(run)


@pytest.mark.parametrize(
    ("fact", "text"), [("proc/env.json", '{"A": 1}'), ("config.json", '{"lr": [1]}')]
)
def test_values_that_cannot_be_are_named(run, fact, text):
    damaged(run, fact, text)
    with pytest.raises(StateError, match=rf"{fact}: expected"):
        READERS[fact](run)


def test_a_fact_that_is_missing_altogether_is_said(run):
    with pytest.raises(StateError, match="this fact is missing"):
        read_json_fact(run, "none.json")


def test_the_commands_say_it_in_one_line(run):
    damaged(run, "opdef.json", "")
    for verb in ("gage-exec", "gage-finalize"):
        told = program(verb, run.run_dir)
        assert told.code in (20, 125)
        assert "Traceback" not in told.err
