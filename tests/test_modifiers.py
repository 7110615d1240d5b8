"""Modifiers of a format, and values quoted for a shell, which a shell reads back."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage.errors import UsageError
from gage.fields import field
from gage.modifiers import padding, relative, shell_quoted, split_modifiers
from gage.plumbing.ls_runs import main
from gage.row import read_row
from gage.row_format import parse_format
from tests.written import write_run

SECOND = 1_000_000
HOUR = 3600 * SECOND


@pytest.fixture
def row(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    run = write_run(tmp_path, id="4f" + "0" * 30, start=2 * HOUR, config={"lr": 0.5, "a:b": 1})
    return read_row(run.home, run.name)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%(started:iso)", "1970-01-01T02:00:00.000000Z"),
        ("%(started:unix)", "7200"),
        ("%(started:local)", "1970-01-01 02:00:00"),
        ("%(started:relative)", "3 hours ago"),
        ("%(parent:short:right=12)|", "            |"),
        ("%(id:short:left=10)|", "4f000000  |"),
        ("%(lr:right=6)|%(config.lr:left=5)|", "   0.5|0.5  |"),
        ("%(config.a:b)|%(config.a:b:right=2)", "1| 1"),
        ("%(status:left=2)", "completed"),
    ],
)
def test_a_value_is_changed(row, text, line):
    assert parse_format(text, now=lambda: 5 * HOUR)(row) == line


@pytest.mark.parametrize(
    "text",
    ["%(id:iso)", "%(started:short)", "%(lr:right)", "%(lr:right=x)", "%(:left=3)", "%(lr:)"],
)
def test_what_changes_nothing_is_refused_and_told_what_does(row, text):
    with pytest.raises(UsageError) as caught:
        parse_format(text)
    assert "no such field" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds ago"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86_400, "1 day ago"),
        (13 * 86_400, "13 days ago"),
        (14 * 86_400, "2 weeks ago"),
        (60 * 86_400, "2 months ago"),
        (800 * 86_400, "2 years ago"),
        (-3600, "in 1 hour"),
    ],
)
def test_a_time_is_told_from_now(seconds, text):
    now = 10**15
    assert relative(now - seconds * SECOND, now) == text


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_any_time_can_be_told_from_any(stamp, now):
    count = relative(stamp, now).removeprefix("in ").split(" ")[0]
    assert int(count) >= 0


@given(st.text("ab:=.", max_size=8), st.lists(st.sampled_from(["left=3", "right=12"]), max_size=2))
def test_padding_is_split_from_any_name(name, pads):
    text = ":".join([name, *pads])
    if "=" not in name:
        assert split_modifiers(text, only_padding=True) == (name, pads)


def test_padding_never_cuts():
    assert padding("left=3")("abcd") == "abcd"
    assert padding("middle=3") is None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.binary(max_size=20).map(lambda b: os.fsdecode(b.replace(b"\0", b""))), max_size=4)
)
def test_what_is_quoted_is_one_word_of_a_shell(texts):
    script = "set --" + "".join(" " + shell_quoted(text) for text in texts)
    script += "\n[ $# = 0 ] || printf '%s\\0' \"$@\""
    told = subprocess.run(["sh", "-c", os.fsencode(script)], capture_output=True, check=True)
    assert [os.fsdecode(word) for word in told.stdout.split(b"\0")[:-1]] == texts


def test_eval_takes_values_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    label = "'; touch hacked; echo $(touch hacked) `touch hacked` \" \\ x"
    odd = "line one\nline 'two'"
    run = write_run("runs", name="one", config={"s": odd, "flag": True, "none": None})
    from gage.said import set_label

    set_label(run, label)
    text = "name=%(name) label=%(label) s=%(s) none=%(nothing)"
    script = (
        f'eval "$(gage-ls-runs --runs runs --shell --format "{text}")"\n'
        'printf \'%s\\0\' "$name" "$label" "$s" "$none"'
    )
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.split("\0") == ["one", label, odd, "", ""]
    assert not os.path.exists("hacked")


def test_shell_without_a_format_quotes_the_run_dir(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_run("runs", name="it's")
    assert main(["--runs", "runs", "--shell"]) == 0
    assert capsys.readouterr().out == "'runs/it'\"'\"'s'\n"


def test_runs_are_found_by_what_they_are_to_others(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = write_run("runs", "all", name="all", start=1)
    for n, lr in enumerate([1, 1, 2]):
        run = write_run("runs", name=f"n{n}", start=n + 2, config={"lr": lr}, parent=parent.id)
        with open(f"{run.meta_dir}/manifest", "w"), open(f"{run.meta_dir}/proc/cmd.json", "w") as f:
            f.write('["true"]\n')
        with open(f"{run.meta_dir}/proc/env.json", "w") as f:
            f.write("{}\n")

    def listed(*words):
        assert main([*words, "--format", "%(name)"]) == 0
        return capsys.readouterr().out.split()

    assert listed("--steps-of", "runs/all") == ["n2", "n1", "n0"]
    assert listed("--equal-to", "runs/n0") == ["n1", "n0"]
    assert listed("--equal-to", "runs/n0", "-n", "1") == ["n1"]
    assert listed("--equal-to", "runs/n0", "--steps-of", "runs/all", "--filter", "name != n0") == [
        "n1"
    ]
    assert listed("--steps-of", "runs/all", "--runs", "none") == []
    assert listed("-C", "runs", "--steps-of", "all", "--limit=2", "--sort=lr") == ["n1", "n0"]
    assert listed("runs/n0", "runs/n2", "runs/n0") == ["n2", "n0"]
    fingerprint = field("fingerprint")(read_row("runs", "n2"))[0]
    assert len(fingerprint) == 64
    assert listed("--runs", "runs", "--filter", f"fingerprint = {fingerprint}") == ["n2"]
    assert field("fingerprint")(read_row("runs", "all")) == ()
