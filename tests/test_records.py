"""What prints records prints them for programs, too; what takes many runs reads them."""

import json
import os
import subprocess
from importlib import import_module

import pytest

from gage.porcelain.app import click_command
from gage.porcelain.commands import PLUMBING, commands, load
from tests.place import copy_project
from tests.programs import program, write

NO_RECORDS = {
    # Plumbing: it prints nothing, or what a command or a run wrote.
    *("gage-stage", "gage-exec", "gage-finalize", "gage-reopen", "gage-resume", "gage-run-steps"),
    "gage-complete",
    # For people: they do something, and tell it on standard error, or show one thing.
    *("gage run", "gage restart", "gage help", "gage cat", "gage log", "gage watch"),
    *("gage report", "gage new"),
    *("gage runs stop", "gage runs label", "gage runs tag", "gage runs comment"),
    *("gage runs rm", "gage runs restore", "gage runs purge", "gage runs export"),
}

ONE_OBJECT = {"gage show", "gage runs diff"}


def plumbing():
    for name in [*PLUMBING, "select"]:
        parser = import_module(f"gage.plumbing.{name.replace('-', '_')}").parser()
        options = {option for action in parser._actions for option in action.option_strings}
        words = [action for action in parser._actions if not action.option_strings]
        many = any(
            (
                action.nargs in ("*", "+")
                and ("RUN_DIR" in action.metavar or "STEP" in action.metavar)
            )
            or action.metavar == "SPEC"
            for action in words
        )
        yield f"gage-{name}", options, many


def porcelain():
    for name in commands():
        params = click_command(load(name)).params
        options = {option for param in params for option in [*param.opts, *param.secondary_opts]}
        many = any(
            "[RUN]..." in (param.make_metavar(None) or "") for param in params if is_word(param)
        )
        yield f"gage {name}", options, many


def is_word(param):
    return param.param_type_name == "argument"


COMMANDS = [*plumbing(), *porcelain()]
IDS = [name for name, _, _ in COMMANDS]


@pytest.mark.parametrize(("name", "options", "many"), COMMANDS, ids=IDS)
def test_a_command_that_prints_records_has_json_and_nul(name, options, many):
    has = options & {"-z", "--json"}
    if name in ONE_OBJECT:
        assert has == {"--json"}
    elif name in NO_RECORDS:
        assert "--json" not in has
    else:
        assert has == {"-z", "--json"}


@pytest.mark.parametrize(("name", "options", "many"), COMMANDS, ids=IDS)
def test_a_command_that_takes_many_runs_reads_them(name, options, many):
    assert ("--stdin" in options) == many


def test_both_kinds_of_command_are_walked():
    assert sum(many for _, _, many in COMMANDS) >= 12
    assert {*NO_RECORDS, *ONE_OBJECT} <= set(IDS)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The project `train`, the current directory, with three runs of lr=0.1 to 0.3."""
    monkeypatch.chdir(copy_project("train", str(tmp_path / "project")))
    for n in (1, 2, 3):
        assert program("gage", "run", "-y", "-q", f"lr=0.{n}").code == 0
    return os.getcwd()


def sh(script):
    told = program("sh", "-c", script)
    assert (told.err, told.code) == ("", 0)
    return told.out


PRINTS = [
    "gage-ls-runs",
    "gage-ls-runs --stdin < dirs",
    "gage-status --stdin < dirs",
    "gage-fsck $(head -n 1 broken)",
    "gage-select 1 2",
    "gage-select --stdin < dirs",
    "gage-manifest $(head -n 1 dirs)",
    "gage-manifest --fingerprint $(head -n 1 dirs)",
    "gage-read-config train.py",
    "gage-link-steps pipe/all",
    "gage-init made/",
    "gage runs",
    "gage runs -s",
    "gage ls",
    "gage ls -n",
    "gage select 1-3",
    "gage ops",
    "gage --runs elsewhere runs import runs.tar",
]


@pytest.fixture
def things(place):
    """Beside the runs: their run dirs in `dirs`, a pipeline, a damaged run, and an archive."""
    sh("gage-ls-runs > dirs")
    write("../p/gage.yaml", "one: {exec: 'true'}\nall: {steps: [one, one]}\n")
    sh("gage run all -C ../p --stage -y --run-dir $PWD/pipe/all")
    sh("gage-init broken.d/one -- true > broken; gage-stage -q broken.d/one")
    os.chmod("broken.d/one.meta", 0o755)
    os.unlink("broken.d/one.meta/opref")
    sh("gage runs export -o runs.tar --stdin < dirs")


@pytest.mark.parametrize("command", PRINTS)
def test_what_pipes_into_programs_says_the_same_in_every_form(things, command):
    """Jq reads an object a record, and between NULs stands what stands on lines."""
    told = {}
    for form in ("", "-z", "--json", "--json -z"):
        sh("rm -rf elsewhere made; mkdir elsewhere")
        words = command.replace(" <", f" {form} <") if " <" in command else f"{command} {form}"
        if form.endswith("-z") and "< dirs" in command:
            words = "tr '\\n' '\\0' < dirs > dirs0; " + words.replace("< dirs", "< dirs0")
        told[form] = program("sh", "-c", words).out
    lines = told[""].splitlines()
    assert lines
    assert len(told["-z"].split("\0")) == len(lines) + 1
    assert "\n" not in told["-z"]
    assert told["-z"].endswith("\0")
    if "init" not in command and "\\" not in told[""]:
        assert told["-z"].split("\0")[:-1] == lines
    counted = subprocess.run(
        ["jq", "-c", "type"], input=told["--json"], capture_output=True, text=True
    )
    assert counted.stdout == '"object"\n' * len(lines)
    objects = told["--json -z"].split("\0")[:-1]
    assert [json.loads(text).keys() for text in objects] == [
        json.loads(line).keys() for line in told["--json"].splitlines()
    ]


def test_jq_finds_what_is_asked_for(place):
    best = sh("gage-ls-runs --json | jq -r 'select(.config.lr > 0.25).run_dir'")
    assert sh(f"gage-ls-runs {best.strip()} --format '%(lr)'") == "0.3\n"
    assert sh("gage runs --json | jq -s 'map(.config.lr) | add * 10 | round'") == "6\n"
    assert sh("gage ops --json | jq -r '.flags | keys | .[]'").split() == ["epochs", "lr"]


def test_xargs_takes_names_that_hold_anything(place):
    odd = "odd\n name'\\$"
    assert program("gage", "run", "-y", "-q", "--run-dir", f".gage/runs/{odd}").code == 0
    states = sh("gage-ls-runs -z | xargs -0 gage-status")
    assert states == "completed\n" * 4
    assert sh("gage-ls-runs -z | gage-status --stdin -z | tr '\\0' '+'") == "completed+" * 4
    sh("gage-ls-runs -z | gage runs tag seen --stdin")
    assert sh("gage-ls-runs -z | gage-ls-runs --stdin -z --format '%(tags)' | tr '\\0' '+'") == (
        "seen+" * 4
    )
    assert sh("gage-ls-runs -z | gage select --stdin -z | tr -dc '\\0' | wc -c") == "4\n"
    assert sh("gage-ls-runs -z | gage-select --stdin -z | tr -dc '\\0' | wc -c") == "4\n"
    sh("gage-ls-runs -z --filter 'name ~ odd' | gage runs rm -y --stdin")
    assert sh("gage-ls-runs --format '%(lr)'") == "0.3\n0.2\n0.1\n"


def test_a_loop_of_the_shell_reads_a_line_each(place):
    script = """
gage-ls-runs --sort lr --format '%(id) %(lr)' | while read -r id lr; do
    gage runs label "rate $lr" "$id"
done
gage-ls-runs --format '%(label)'
"""
    assert sh(script) == "rate 0.3\nrate 0.2\nrate 0.1\n"


@pytest.mark.parametrize(
    "command",
    [
        "gage runs rm -y --stdin",
        "gage runs tag x --stdin",
        "gage runs label x --stdin",
        "gage runs comment x --stdin",
        "gage runs label --delete --stdin",
        "gage runs stop -y --stdin",
        "gage runs purge -y --stdin",
        "gage runs restore --stdin",
        "gage runs export -o none.tar --stdin",
        "gage select --stdin",
        "gage check --runs --stdin",
        "gage-select --stdin",
        "gage-status --stdin",
        "gage-ls-runs --stdin",
        "gage-fsck --stdin",
        "gage-link-steps $(head -n 1 dirs) --stdin",
    ],
)
def test_where_nothing_is_named_nothing_is_done(place, command):
    """An empty list is never the newest run, nor all of them."""
    sh("gage-ls-runs > dirs")
    before = sh("gage-ls-runs --json")
    assert sh(f"{command} < /dev/null") == ""
    assert sh("gage-ls-runs --json") == before
    assert not os.path.exists("none.tar")


def test_what_is_named_and_is_no_run_is_told(place):
    told = program("gage", "runs", "tag", "x", "--stdin", input="1\nnone\n")
    assert (told.code, "none" in told.err) == (10, True)
    assert program("gage-ls-runs", "--stdin", input="none\n").code == 10
    assert program("gage-select").code == 2
    assert program("gage", "check", "-z", "--runs").code == 2
    assert program("gage-ls-runs", "--json", "--shell").code == 2


def test_runs_are_linked_from_a_pipe(place):
    sh("gage-ls-runs > dirs; head -n 1 dirs | sed 's/.gage.runs.//' > one")
    parent = sh("gage-init .gage/runs/ --no-sourcecode -- gage-run-steps .").strip()
    sh(f"gage-stage {parent}")
    sh(f"gage-ls-runs --filter 'op = train' -z | gage-link-steps {parent} --stdin -z")
    assert sh(f"gage-link-steps {parent} --json | jq -r .state") == "ok\n" * 3
