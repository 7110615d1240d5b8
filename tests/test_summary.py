import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage.locks import is_held
from gage.opdef import OpDef
from gage.run import Run, run_meta_path
from gage.summary import FILE_LIMIT, read_summary
from tests.programs import wait_until, write


@pytest.fixture
def run(tmp_path) -> Run:
    os.makedirs(tmp_path / "runs" / "one")
    os.makedirs(tmp_path / "runs" / "one.meta")
    return Run(str(tmp_path / "runs" / "one"), "", None, "none")


def summary_of(run, *, output=None, file=None, data=None, **definition):
    if output is not None:
        write(run_meta_path(run, "output", "40_run"), output)
    if file is not None:
        write(os.path.join(run.run_dir, definition.get("summary", "summary.json")), file)
    return read_summary(run, OpDef("train", definition))


def test_a_run_may_have_no_summary(run):
    assert summary_of(run) == ({}, {}, [])


def test_a_flat_object_is_told_apart_by_its_values(run):
    summary = summary_of(run, file='{"loss": 0.2, "n": 3, "note": "ok", "good": true, "x": null}')
    assert summary.metrics == {"loss": 0.2, "n": 3}
    assert summary.attributes == {"note": "ok", "good": True, "x": None}
    assert summary.complaints == []


def test_an_object_may_say_which_is_which(run):
    summary = summary_of(
        run, file='{"metrics": {"loss": 1}, "attributes": {"version": 2}, "more": 3}'
    )
    assert summary == ({"loss": 1, "more": 3}, {"version": 2}, [])


def test_another_file_may_be_named(run):
    assert summary_of(run, file='{"a": 1}', summary="out/s.json").metrics == {"a": 1}


def test_the_last_block_on_the_output_counts_and_the_file_wins(run):
    output = '--- summary ---\n{"a": 1}\n---\nmore\n--- summary ---\n{"a": 2, "b": 2}\n---\nend\n'
    assert summary_of(run, output=output).metrics == {"a": 2, "b": 2}
    assert summary_of(run, output=output, file='{"a": 3}').metrics == {"a": 3, "b": 2}
    assert summary_of(run, output='--- summary ---\n{"a": 1}', file="{}").metrics == {"a": 1}


def test_the_last_match_of_a_pattern_counts(run):
    summary = summary_of(
        run,
        output="loss: 3\nloss: 0.5\nsteps 1e3 acc= -7\r\nbytes \udcff\n",
        metrics={"loss": r"loss: (\S+)", "steps": r"steps (\S+)", "acc": r"acc= (-\d+)", "no": "x"},
    )
    assert summary == ({"loss": 0.5, "steps": 1000.0, "acc": -7}, {}, [])
    assert isinstance(summary.metrics["acc"], int)


def test_only_the_end_of_the_output_is_searched(run, monkeypatch):
    monkeypatch.setattr("gage.summary.OUTPUT_LIMIT", 100)
    output = "early: 1\n" + "x" * 100 + "\nlate: 2\n"
    patterns = {"early": "early: (.)", "late": "late: (.)"}
    assert summary_of(run, output=output, metrics=patterns).metrics == {"late": 2}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "7",
        "null",
        "\udcff",
        "\0",
        '{"a": 1',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        "{'a': 1}",
        "\ufeff{}",
    ],
)
def test_a_file_that_makes_no_sense_is_said(run, text):
    summary = summary_of(run, file=text)
    assert summary.metrics == summary.attributes == {}
    assert len(summary.complaints) == 1
    assert summary.complaints[0].startswith("summary.json: ")
    assert len(summary.complaints[0]) < 300


def test_a_value_that_makes_no_sense_is_said_and_spares_the_others(run):
    summary = summary_of(run, file='{"a": 1, "b": [1], "metrics": {"c": "x", "d": 2, "e": true}}')
    assert summary.metrics == {"a": 1, "d": 2}
    assert sorted(summary.complaints) == [
        "summary.json: b: a number or a text, no structure",
        "summary.json: c: a metric is a number",
        "summary.json: e: a metric is a number",
    ]


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.text() | st.sampled_from(["metrics", "attributes"]), inner, max_size=3
            )
        ),
    )
)
def test_whatever_json_is_there_metrics_are_numbers_and_attributes_scalars(run, value):
    summary = summary_of(run, file=json.dumps(value))
    for number in summary.metrics.values():
        assert isinstance(number, int | float) and not isinstance(number, bool)
    for scalar in summary.attributes.values():
        assert not isinstance(scalar, dict | list)


def test_a_huge_file_is_not_read(run):
    summary = summary_of(run, file=" " * FILE_LIMIT + "{}")
    assert summary.complaints == [f"summary.json: larger than {FILE_LIMIT} bytes; not read"]
    os.truncate(os.path.join(run.run_dir, "summary.json"), 1 << 40)
    assert len(summary_of(run).complaints) == 1


def sentinel(run):
    return write(os.path.join(os.path.dirname(run.home), "outside", "secret.json"), '{"s": 1}')


def make(kind, path, run):
    if kind == "a link":
        os.symlink(sentinel(run), path)
    elif kind == "a link to nothing":
        os.symlink("nowhere", path)
    elif kind == "a loop":
        os.symlink("summary.json", path)
    elif kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path)
    elif kind == "a directory":
        os.mkdir(path)


@pytest.mark.parametrize(
    "kind", ["a link", "a link to nothing", "a loop", "a FIFO", "a socket", "a directory"]
)
def test_what_is_no_file_of_the_run_is_said_and_not_read(run, kind):
    make(kind, os.path.join(run.run_dir, "summary.json"), run)
    summary = summary_of(run)
    assert summary.metrics == summary.attributes == {}
    assert len(summary.complaints) == 1
    assert summary.complaints[0].startswith("summary.json: ")


def test_a_fifo_that_somebody_writes_to_is_not_read(run):
    path = os.path.join(run.run_dir, "summary.json")
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)
    os.write(fd, b'{"a": 1}')
    assert summary_of(run).metrics == {}
    os.close(fd)


@pytest.mark.parametrize("name", ["../outside/secret.json", "there/secret.json", "ABSOLUTE"])
def test_a_summary_outside_the_run_is_not_read(run, name):
    os.symlink(os.path.dirname(sentinel(run)), os.path.join(run.run_dir, "there"))
    name = name.replace("ABSOLUTE", sentinel(run))
    summary = summary_of(run, summary=name)
    assert summary.metrics == {}
    assert len(summary.complaints) == 1


def test_a_summary_that_went_in_is_that_of_another_run(run):
    write(os.path.join(run.run_dir, "summary.json"), '{"a": 1}')
    assert read_summary(run, OpDef("train", {}), {"summary.json"}).metrics == {}


def test_a_run_dir_that_is_gone_has_no_summary(run):
    os.rmdir(run.run_dir)
    assert summary_of(run) == ({}, {}, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [("none", "'none', which is no number"), ("", "'', which is no number")],
)
def test_a_match_that_is_no_number_is_said(run, text, said):
    summary = summary_of(run, output=f"loss: {text}\n", metrics={"loss": "loss: (.*)"})
    assert summary.metrics == {}
    assert summary.complaints == [f"metrics: loss: matched {said}"]


def test_a_match_may_be_too_long_for_a_number(run):
    summary = summary_of(run, output=f"loss: {'9' * 5000}\n", metrics={"loss": "loss: (.*)"})
    assert len(summary.metrics) + len(summary.complaints) == 1


def test_a_pattern_that_is_none_is_said_and_spares_the_others(run):
    summary = summary_of(run, output="a: 1\n", metrics={"bad": "(", "a": "a: (.)"})
    assert summary.metrics == {"a": 1}
    assert len(summary.complaints) == 1
    assert summary.complaints[0].startswith("metrics: bad: ")


def test_a_pattern_that_never_ends_is_given_up_and_spares_those_before_it(run, monkeypatch):
    monkeypatch.setattr("gage.searching.PATTERN_SECONDS", 1)
    output = "loss: 1\n" + "a" * 40 + "!\n"
    summary = summary_of(run, output=output, metrics={"loss": "loss: (.)", "evil": "(a+)+$"})
    assert summary.metrics == {"loss": 1}
    assert summary.complaints == ["metrics: evil: took more than 1 s and was given up"]


A = "a" * (16 << 20) + "!"
SLOW = ["(a+)+$", "(a|aa)+$", "a{1000000}b", "((a?){100}){100}b", "((((a*)*)*)*)*b", "(.*)*x"]
HUNGRY = ["(a|b|ab)*c", "(?:.|\n)*z", "(a(?:b|c)*)+\\1"]


@pytest.mark.parametrize("pattern", SLOW[:2] + HUNGRY[:1])
def test_a_hostile_pattern_costs_neither_much_time_nor_much_memory(run, monkeypatch, pattern):
    monkeypatch.setattr("gage.searching.PATTERN_SECONDS", 1)
    monkeypatch.setattr("gage.searching.PATTERN_MEMORY", 64 << 20)
    output = A if pattern in SLOW else "ab" * (8 << 20)
    summary = summary_of(run, output=output, metrics={"evil": pattern})
    assert summary.metrics == {}
    assert re.fullmatch("metrics: evil: took more than .* and was given up", summary.complaints[0])


@pytest.mark.long
@pytest.mark.parametrize("pattern", SLOW + HUNGRY)
def test_a_hostile_pattern_is_given_up_over_all_the_output(run, pattern):
    output = A if pattern in SLOW else "ab" * (8 << 20)
    summary = summary_of(run, output=output + "\n", metrics={"evil": pattern})
    assert summary.metrics == {}
    assert summary.complaints[0].endswith("and was given up")


def test_a_match_of_many_megabytes_is_no_number(run):
    summary = summary_of(run, output="1" * (8 << 20), metrics={"m": "(?s).+"})
    assert summary.metrics == {}
    assert summary.complaints == [f"metrics: m: matched {'1' * 60!r}, which is no number"]


def test_a_summary_on_the_output_is_bounded(run):
    block = "--- summary ---\n{" + " " * FILE_LIMIT + "}\n---\n"
    complaints = summary_of(run, output=block).complaints
    assert complaints == ["the summary on the output: larger than 1048576 bytes; not read"]


def test_a_search_dies_with_the_one_who_waits_for_it(run):
    write(run_meta_path(run, "initialized"), "1\n")
    write(run_meta_path(run, "output", "40_run"), "a" * 60 + "!\n")
    script = (
        "import sys\n"
        "from gage import searching, summary\n"
        "from gage.locks import holding\n"
        "from gage.opdef import OpDef\n"
        "from gage.run import Run\n"
        "searching.PATTERN_SECONDS = 60\n"
        "run = Run(sys.argv[1], '', None)\n"
        "with holding(run):\n"
        "    print(flush=True)\n"
        "    summary.read_summary(run, OpDef('t', {'metrics': {'evil': '(a+)+$'}}))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, run.run_dir], stdout=-1) as process:
        process.stdout.readline()
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            wait_until(lambda: file.seek(0) == 0 and file.read())
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_held(run, "runner"))
