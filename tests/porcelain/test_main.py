import os
import subprocess
import tomllib

import pytest

from gage import __version__
from gage.porcelain.commands import PLUMBING, commands, load
from tests.place import ROOT
from tests.porcelain.place import gage, write_run


def program(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_gage_alone_shows_the_commands_for_people_and_the_project_here(project):
    told = gage(cwd=project)
    assert (told.code, told.err) == (0, "")
    shown = {line.strip().split("  ")[0] for line in told.out.split("\n")}
    assert set(commands()) <= shown and not {"finalize", "ls-runs"} & shown
    assert told.out.endswith("\nIn gage.yaml:\n  gage run train\n  gage ops -v shows their flags\n")


def test_options_before_the_command_are_written_as_behind_it(tmp_path, monkeypatch):
    id = write_run(str(tmp_path / "there" / "runs"), 1)
    for words in (["-C", "there", "--runs=runs"], ["-Cthere", "--runs", "runs"]):
        assert id[:8] in gage(*words, "runs", cwd=tmp_path).out, words


def test_help_shows_every_command_and_nothing_of_the_project(project):
    told = gage("--help", cwd=project)
    assert told.out == gage("-h", cwd=project).out == gage("help", cwd=project).out
    shown = {line.strip().split("  ")[0] for line in told.out.split("\n")}
    assert {*commands(), *PLUMBING} <= shown
    assert "gage.yaml" not in told.out


def test_gage_alone_works_where_the_gage_file_is_wrong(tmp_path):
    (tmp_path / "gage.yaml").write_text("train: {exce: true}\n")
    told = gage(cwd=tmp_path)
    assert told.code == 0
    assert "gage check says more" in told.out


def test_the_version_is_told(tmp_path):
    assert gage("--version", cwd=tmp_path).out == f"gage {__version__}\n"


def test_all_plumbing_is_known_and_every_command_for_people_can_be_loaded():
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        scripts = tomllib.load(file)["project"]["scripts"]
    installed = {name.removeprefix("gage-") for name in scripts} - {"gage"}
    assert installed - set(PLUMBING) <= set(commands())
    assert set(PLUMBING) <= installed
    assert all(callable(load(name)) for name in commands())


def test_plumbing_is_a_command_of_gage_too(tmp_path):
    write_run(str(tmp_path / "runs"), 1)
    (name,) = (n for n in os.listdir(tmp_path / "runs") if not n.endswith(".meta"))
    assert gage("status", f"runs/{name}", cwd=tmp_path).out == "completed\n"
    told = gage("status", "runs/none", cwd=tmp_path)
    assert told.err.startswith("gage-status: runs/none: ")
    assert told.code == 10


def test_plumbing_does_not_pay_for_typer(tmp_path):
    code = (
        "import sys; from gage.porcelain.main import main\n"
        "main(['ls-runs', '--runs', 'none']); print('typer' in sys.modules)"
    )
    done = subprocess.run(["python", "-c", code], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_a_program_on_the_path_is_a_command(tmp_path):
    program(tmp_path / "bin" / "gage-foo", 'echo "foo: $*"; exit 7')
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    told = gage("foo", "--bar", "a b", cwd=tmp_path, env={"PATH": path})
    assert (told.out, told.code) == ("foo: --bar a b\n", 7)


@pytest.mark.parametrize("path", [":{}", "{}:", ".:{}", "bin:{}", "{}::/usr/bin", "./bin:{}"])
def test_a_program_in_the_current_directory_is_no_command(tmp_path, path):
    program(tmp_path / "gage-foo", "echo hijacked")
    program(tmp_path / "bin" / "gage-foo", "echo hijacked")
    told = gage("foo", cwd=tmp_path, env={"PATH": path.format(os.environ["PATH"])})
    assert (told.out, told.code) == ("", 2)


def test_a_path_is_no_command(tmp_path):
    program(tmp_path / "gage-" / "foo", "echo hijacked")
    assert gage("/foo", cwd=tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}).code == 2


def test_what_is_done_with_runs_has_their_page_however_it_is_written(tmp_path):
    page = gage("help", "runs", cwd=tmp_path)
    assert page.out.startswith("NAME\n    gage-runs ")
    for words in (["runs", "diff"], ["runs-diff"], ["gage-runs-diff"]):
        assert gage("help", *words, cwd=tmp_path) == page
    assert gage("help", "runs-dif", cwd=tmp_path).code == 10


def test_an_unknown_command_names_the_nearest(tmp_path):
    told = gage("rnus", cwd=tmp_path)
    assert told.err == "gage: rnus: no such command\nhint: did you mean gage runs?\n"
    assert told.code == 2
    assert gage("runs", "lable", cwd=tmp_path).err == (
        "gage: runs lable: no such command\nhint: did you mean gage runs label?\n"
    )


def test_an_unknown_option_is_a_message_and_no_screenful(tmp_path):
    told = gage("runs", "--foo", cwd=tmp_path)
    message, hint, end = told.err.split("\n")
    assert message.startswith("gage runs: no such option")
    assert (hint, end) == ("hint: gage help runs", "")
    assert told.code == 2
    assert gage("--foo", cwd=tmp_path).code == 2


def test_the_directory_and_the_runs_home_are_named_before_or_behind_the_command(tmp_path):
    write_run(str(tmp_path / "here" / "home"), 1)
    (tmp_path / "far").mkdir()
    ways = [
        ("-C", "../here", "--runs", "home", "runs"),
        ("--runs", "home", "-C", "..", "-C", "here", "runs"),
        ("runs", "--runs", "home", "-C", "../here"),
        ("-C", "..", "runs", "-C", "here", "--runs", "home"),
    ]
    told = [gage(*way, cwd=tmp_path / "far") for way in ways]
    assert [t.code for t in told] == [0, 0, 0, 0]
    assert told[0].out.startswith("[1]  00010001  train")
    assert len({t.out for t in told}) == 1


@pytest.mark.parametrize("words", [("-C", "none", "runs"), ("runs", "-C", "none")])
def test_a_directory_that_is_not_there_is_named(tmp_path, words):
    told = gage(*words, cwd=tmp_path)
    assert told.err.endswith(": none: No such file or directory\n")
    assert told.code == 10


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["-C", "nowhere", "run"], 125),
        (["--runs=x", "-Cnowhere", "restart", "a"], 125),
        (["-C", "nowhere", "runs"], 10),
        (["-C", "nowhere", "show", "run"], 10),
    ],
)
def test_what_runs_says_its_own_troubles_with_125_before_it_is_reached_too(tmp_path, words, code):
    told = gage(*words, cwd=tmp_path)
    assert (told.err, told.code) == ("gage: nowhere: No such file or directory\n", code)


def test_a_reader_that_goes_away_is_no_trouble(tmp_path):
    home = str(tmp_path / "runs")
    for number in range(3):
        write_run(home, number + 1)
    command = "gage runs --runs runs; echo $? >code"
    closed, writing = os.pipe()
    os.close(closed)
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=True
    )
    os.close(writing)
    assert (done.stderr, (tmp_path / "code").read_text()) == (b"", "141\n")


def test_a_full_disk_is_said(tmp_path):
    write_run(str(tmp_path / "runs"), 1)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            ["gage", "runs", "--runs", "runs"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.stderr == b"gage runs: No space left on device\n"
    assert done.returncode == 12


def test_what_the_manual_does_not_mention_is_said_with_a_no(tmp_path):
    told = gage("help", "-k", "hovercraft", cwd=tmp_path)
    assert (told.out, told.code) == ("", 1)
    assert told.err.startswith("gage help: hovercraft: the manual does not mention it\nhint: ")
    assert gage("help", "-k", cwd=tmp_path).code == 2


@pytest.mark.parametrize("words", [("run", "x"), ("restart", "1")])
def test_more_jobs_than_a_pipe_holds_are_refused_before_anything_is_looked_for(tmp_path, words):
    told = gage(*words, "-j", "70000", cwd=tmp_path)
    assert (told.out, told.code) == ("", 125)
    assert "70000 is not in the range" in told.err
    assert os.listdir(tmp_path) == []
