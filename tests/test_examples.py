"""The examples: what they show works, as a person would try it."""

import os
import shutil
import subprocess

import pytest

from gage.locks import is_held
from gage.run import open_run
from tests.place import ROOT
from tests.programs import wait_until

EXAMPLES = os.path.join(ROOT, "examples")
QUICK = {"GAGE_FSYNC": "none"}


@pytest.fixture
def here(tmp_path):
    """A copy of the examples, since some of them keep their runs beside themselves."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    return str(tmp_path / "examples")


def tried(*words, cwd):
    """What a program prints, and its exit code."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **QUICK},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.stdout, done.returncode


def runs_in(cwd):
    """The runs beside the examples, newest start first, without their numbers."""
    told, code = tried("gage", "--runs", "runs", "runs", "-s", cwd=cwd)
    assert code == 0
    return [line.split()[1:] for line in told.splitlines()]


def test_the_demo_ends_with_a_report(tmp_path):
    told, code = tried(os.path.join(EXAMPLES, "demo.sh"), str(tmp_path / "demo"), cwd=tmp_path)
    assert code == 0, told
    assert "every file is as it was" in told


def test_a_pipeline_by_hand_is_taken_up_where_it_failed(here):
    folder = os.path.join(here, "by-hand")
    told, code = tried("./pipeline.sh", "../nile", "runs", "min_years=60", cwd=folder)
    assert code == 1
    assert "cannot be split" in told
    assert runs_in(folder) == [
        ["fit", "error", "min_years=60"],
        ["prepare", "completed"],
        ["nile", "staged"],
    ]
    told, code = tried("./pipeline.sh", "../nile", "runs", "min_years=10", cwd=folder)
    assert code == 0, told
    assert runs_in(folder) == [
        ["nile", "completed"],
        ["report", "completed"],
        ["fit", "completed", "min_years=10"],
        ["prepare", "completed"],
    ]
    links, _ = tried("gage-link-steps", "runs/nile", cwd=folder)
    assert [line.split("\t")[:2] for line in links.splitlines()] == [
        ["prepare", "ok"],
        ["fit", "ok"],
        ["report", "ok"],
    ]
    assert os.path.isdir(os.path.join(folder, "runs", "fit.meta", "attempts", "1"))


def test_a_pipeline_by_hand_that_is_done_is_left_alone(here):
    folder = os.path.join(here, "by-hand")
    assert tried("./pipeline.sh", "../nile", "runs", cwd=folder)[1] == 0
    before = runs_in(folder)
    assert tried("./pipeline.sh", "../nile", "runs", cwd=folder) == ("completed\n" * 4, 0)
    assert runs_in(folder) == before


def test_make_runs_what_is_new_what_changed_and_what_failed(here):
    folder = os.path.join(here, "make")
    told, code = tried("make", "-j4", "YEARS=5 10", cwd=folder)
    assert code == 0, told
    assert sorted(runs_in(folder)) == [
        ["fit", "completed", "min_years=10"],
        ["fit", "completed", "min_years=5"],
        ["prepare", "completed"],
    ]

    assert tried("make", "-j4", "YEARS=5 10", cwd=folder)[0] == (
        "make: Nothing to be done for 'all'.\n"
    )

    with open(os.path.join(here, "nile", "fit.py"), "a", encoding="utf-8") as file:
        file.write("print('changed')\n")
    told, code = tried("make", "-j4", "YEARS=5 10", cwd=folder)
    assert (told.count("changed\n"), "100 years" in told, code) == (2, False, 0)

    told, code = tried("make", "YEARS=60", cwd=folder)
    assert (told.count("cannot be split"), code) == (1, 2)
    told, code = tried("make", "YEARS=60", cwd=folder)
    assert (told.count("cannot be split"), code) == (1, 2)
    assert sorted(os.listdir(os.path.join(folder, "runs", "fit-60.meta", "attempts"))) == ["1"]


def test_make_runs_again_what_takes_from_what_changed(here):
    folder = os.path.join(here, "make")
    assert tried("make", "-j4", "YEARS=5 10", cwd=folder)[1] == 0
    with open(os.path.join(here, "nile", "prepare.py"), "a", encoding="utf-8") as file:
        file.write("print('prepared anew')\n")
    told, code = tried("make", "-j4", "YEARS=5 10", cwd=folder)
    assert (told.count("prepared anew"), code) == (1, 0), told
    attempts = [
        os.listdir(os.path.join(folder, "runs", f"{run}.meta", "attempts"))
        for run in ("prepare", "fit-5", "fit-10")
    ]
    assert attempts == [["1"]] * 3


def test_make_runs_side_by_side_what_does_not_need_one_another(here):
    folder = os.path.join(here, "make")
    assert tried("make", "YEARS=", "runs/prepare.meta/stopped", cwd=folder)[1] == 0
    with open(os.path.join(here, "nile", "fit.py"), "a", encoding="utf-8") as file:
        # Each ends only when the other has begun.
        file.write(
            "import glob, os, time\n"
            "open(os.getcwd() + '.here', 'w').close()\n"
            "until = time.monotonic() + 20\n"
            "while len(glob.glob('../*.here')) < 2:\n"
            "    assert time.monotonic() < until\n"
            "    time.sleep(0.02)\n"
        )
    told, code = tried("make", "-j4", "YEARS=5 10", cwd=folder)
    assert code == 0, told


def test_make_goes_on_with_a_run_that_was_killed(here):
    folder = os.path.join(here, "make")
    assert tried("make", "YEARS=", "runs/prepare.meta/stopped", cwd=folder)[1] == 0
    script = 'exec timeout -s KILL 0.4 gage-exec "$@"'
    path = os.path.join(folder, "gage-exec")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nPATH=${{PATH#*:}}\n{script}\n")
    os.chmod(path, 0o755)
    slow = os.path.join(here, "nile", "fit.py")
    with open(slow, "a", encoding="utf-8") as file:
        file.write("import time; time.sleep(1)\n")
    env = f"PATH={folder}:{os.environ['PATH']}"
    told, code = tried("env", env, "make", "YEARS=5", cwd=folder)
    assert code == 2, told
    # What the command started outlives it, and who goes on at once is told to try again.
    run = open_run(os.path.join(folder, "runs", "fit-5"))
    wait_until(lambda: not is_held(run, "tree"))
    told, code = tried("make", "YEARS=5", cwd=folder)
    assert code == 0, told
    assert runs_in(folder)[0] == ["fit", "completed", "min_years=5"]
