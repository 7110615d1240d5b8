"""The clock is set back, is of 1970 or of 2106, stands still or runs backwards: runs stay in
order, nothing takes less than no time, and nothing is called old because the clock says so.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from gage.building import building, hold
from gage.clock import iso
from gage.durable import put
from gage.listing import read_rows
from gage.removing import abandoned, remove_abandoned
from gage.trash import interrupted, sweep
from tests.place import environment
from tests.programs import can_be_killed, program, read, wait_until, write

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
YEAR = 365 * DAY

STAMPS = ("initialized", "staged", "started", "stopped")
VERBS = ("gage-stage", "gage-exec", "gage-finalize")


class Clock:
    """A clock that is as we set it, for the programs that have ``env``."""

    def __init__(self, place, shim):
        """Let it be right."""
        self.path = os.path.join(place, "clock")
        self.env = {"LD_PRELOAD": shim, "CLOCK": self.path, **environment(place)}
        self.set(time.time_ns())

    def set(self, at, rate=1):
        """Let it be *at*, in nanoseconds, now, and go on at *rate*."""
        start = time.time_ns()
        write(f"{self.path}.new", f"{at} {start} {rate}\n")
        os.rename(f"{self.path}.new", self.path)


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    made = str(tmp_path_factory.mktemp("shim") / "clock.so")
    source = os.path.join(os.path.dirname(__file__), "clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", made, source], check=True)
    return made


@pytest.fixture
def clock(tmp_path, shim):
    return Clock(str(tmp_path), shim)


def done(*words, clock, cwd):
    told = program(*words, env=clock.env, cwd=cwd)
    assert (told.err, told.code) == ("", 0), words
    return told.out


def stamps_of(run_dir, *folder):
    """The time stamps of a run, those that are there, in the order of its life."""
    paths = [os.path.join(f"{run_dir}.meta", *folder, name) for name in STAMPS]
    return [int(read(path)) for path in paths if os.path.exists(path)]


def test_the_clock_of_these_tests_lies(tmp_path, clock):
    clock.set(10 * SECOND, rate=0)
    assert done("date", "+%s", clock=clock, cwd=tmp_path) == "10\n"
    clock.set(4_294_967_300 * SECOND)
    assert int(
        done("python", "-c", "import time; print(int(time.time()))", clock=clock, cwd=tmp_path)
    ) in (
        4_294_967_300,
        4_294_967_301,
    )


CLOCKS = {
    "of 1970": (10 * SECOND, 1),
    "of 2106": (4_294_967_290 * SECOND, 1),
    "frozen": (1_763_726_400 * SECOND, 0),
    "running backwards": (1_763_726_400 * SECOND, -10),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_run_lives_its_life_by_a_clock_that_is_wrong(tmp_path, clock, name):
    clock.set(*CLOCKS[name])
    done(
        "gage-init",
        "runs/one",
        "--",
        "sh",
        "-c",
        "echo a; sleep 0.05; echo b",
        clock=clock,
        cwd=tmp_path,
    )
    for verb in VERBS:
        done(verb, "runs/one", *(["-q"] if verb == "gage-exec" else []), clock=clock, cwd=tmp_path)
    stamps = stamps_of(tmp_path / "runs" / "one")
    assert stamps == sorted(set(stamps)) and len(stamps) == 4
    index = [
        int(line.split()[0])
        for line in read(tmp_path / "runs/one.meta/output/40_run.index").splitlines()
    ]
    assert index == sorted(index) and index[1] - index[0] > 40_000
    shown = json.loads(done("gage", "--runs", "runs", "show", "--json", clock=clock, cwd=tmp_path))
    assert shown["status"] == "completed"
    assert iso(stamps[2])[:10] in done(
        "gage-ls-runs", "--runs", "runs", "--format", "%(started:iso)", clock=clock, cwd=tmp_path
    )


def test_verbs_are_in_order_though_the_clock_is_set_back_before_each(tmp_path, clock):
    at = time.time_ns()
    clock.set(at)
    done("gage-init", "runs/one", "--", "true", clock=clock, cwd=tmp_path)
    for back, verb in enumerate([*VERBS, "gage-reopen", *VERBS[1:]], 1):
        clock.set(at - back * DAY)
        done(verb, "runs/one", clock=clock, cwd=tmp_path)
    run_dir = str(tmp_path / "runs" / "one")
    before, after = stamps_of(run_dir, "attempts", "1"), stamps_of(run_dir)
    first = int(read(f"{run_dir}.meta/initialized"))
    assert first < before[0] < before[1] < after[1] < after[2] < after[3]
    assert [later - first for later in (*before, *after[1:])] == [2, 3, 4, 5, 6]
    (row,) = read_rows(os.path.dirname(run_dir))
    assert (row.start, row.status) == (after[2], "completed")


def test_a_damaged_stamp_does_not_spoil_those_after_it(tmp_path, clock):
    done("gage-init", "runs/one", "--", "true", clock=clock, cwd=tmp_path)
    for text in ("", "soon\n", "9" * 18, "-1\n", "\0" * 16):
        os.chmod(tmp_path / "runs/one.meta/initialized", 0o644)
        write(str(tmp_path / "runs/one.meta/initialized"), text)
        before = time.time_ns() // 1000
        done("gage-stage", "runs/one", clock=clock, cwd=tmp_path)
        assert 0 <= int(read(tmp_path / "runs/one.meta/staged")) - before < 3_600_000_000
        os.unlink(tmp_path / "runs/one.meta/staged")


def test_what_a_run_took_is_told_right_though_the_clock_is_set_back_meanwhile(tmp_path, clock):
    os.mkfifo(tmp_path / "gate")
    write(str(tmp_path / "project/gage.yaml"), f"wait: {{exec: cat {tmp_path}/gate}}\n")
    runner = subprocess.Popen(
        ["gage", "run", "-y", "wait", "--run-dir", "../runs/one"],
        cwd=tmp_path / "project",
        env=clock.env | {"GAGE_FSYNC": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: os.path.exists(tmp_path / "runs/one.meta/proc/lock"))
        began = time.monotonic_ns()
        clock.set(time.time_ns() - YEAR)
        told = done("gage", "--runs", "runs", "show", clock=clock, cwd=tmp_path)
        assert "running" in told
        assert re.search(r"duration +0", told)
    finally:
        took = time.monotonic_ns() - began
        write(str(tmp_path / "gate"), "", mode=0o600)
        runner.wait(30)
    assert runner.returncode == 0
    _, _, start, stop = stamps_of(tmp_path / "runs" / "one")
    assert stop - start > took // 1000


def test_the_order_of_runs_is_total_and_stable_where_all_began_at_once(tmp_path, clock):
    clock.set(1_763_726_400 * SECOND, rate=0)
    for _ in range(4):
        done("gage-init", "runs/", "--", "true", clock=clock, cwd=tmp_path)
    words = ("gage-ls-runs", "--runs", "runs", "--format", "%(initialized) %(id)")
    listed = done(*words, clock=clock, cwd=tmp_path)
    rows = [line.split() for line in listed.splitlines()]
    assert len({start for start, _ in rows}) == 1
    assert rows == sorted(rows, reverse=True)
    clock.set(10 * SECOND)
    assert done(*words, clock=clock, cwd=tmp_path) == listed


def test_a_listing_keeps_its_index_of_runs_that_are_of_the_future(tmp_path, clock, monkeypatch):
    for number in range(3):
        done("gage-init", f"runs/{number}", "--", "true", clock=clock, cwd=tmp_path)
        for verb in VERBS:
            done(verb, f"runs/{number}", clock=clock, cwd=tmp_path)
    clock.set(time.time_ns() - YEAR)
    code = (
        "import gage.listing as listing, gage.index as index\n"
        "listing.INDEX_FROM = 1\n"
        "kept = []\n"
        "index.save = lambda home, columns, records: kept.extend(records)\n"
        "rows = listing._rows_by_index('runs', ['0', '1', '2'] * 5, set())\n"
        "print(len(kept))\n"
    )
    assert done("python", "-c", code, clock=clock, cwd=tmp_path) == "15\n"


# What is being made is not taken for left behind.


def old(path):
    os.utime(path, (0, 0), follow_symlinks=False)
    return str(path)


# As gage names what it builds.
DIRECTORY, FILE, MOVED = ("a" * 24, "b" * 24, "c" * 24)


def test_what_is_being_built_is_not_swept_whatever_the_clock_says(tmp_path):
    with building(str(tmp_path / DIRECTORY)):
        old(tmp_path / DIRECTORY)
        fd = os.open(tmp_path / FILE, os.O_WRONLY | os.O_CREAT)
        assert hold(fd)
        old(tmp_path / FILE)
        assert abandoned(str(tmp_path)) == []
        remove_abandoned(str(tmp_path))
        assert sorted(os.listdir(tmp_path)) == [DIRECTORY, FILE]
        # It is held wherever it goes, and by nobody any more when it is done.
        os.rename(tmp_path / DIRECTORY, tmp_path / MOVED)
        remove_abandoned(str(tmp_path))
        assert sorted(os.listdir(tmp_path)) == [FILE, MOVED]
    os.close(fd)
    remove_abandoned(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_what_was_swept_before_it_was_held_is_begun_again(tmp_path, monkeypatch):
    flock = fcntl.flock
    swept = []

    def sweep_first(fd, operation):
        if operation == fcntl.LOCK_SH and len(swept) < 3:
            swept.extend(old(tmp_path / "tmp" / name) for name in os.listdir(tmp_path / "tmp"))
            remove_abandoned(str(tmp_path / "tmp"))
        flock(fd, operation)

    os.mkdir(tmp_path / "tmp")
    monkeypatch.setattr("fcntl.flock", sweep_first)
    put(str(tmp_path / "tmp"), str(tmp_path / "fact"), b"whole")
    assert read(tmp_path / "fact") == "whole"
    with building(str(tmp_path / "tmp" / "directory")):
        os.rename(tmp_path / "tmp" / "directory", tmp_path / "directory")
    assert os.listdir(tmp_path / "directory") == []
    assert len(swept) == 3


def test_a_deletion_that_has_just_begun_is_not_swept_whatever_the_clock_says(tmp_path):
    place = tmp_path / ".trash" / "1763726400000000-00000000.delete"
    os.makedirs(place.parent)
    with building(str(place)):
        assert interrupted(str(tmp_path)) == []
        sweep(str(tmp_path))
        assert os.path.isdir(place)
    assert interrupted(str(tmp_path)) == [str(place)]
    sweep(str(tmp_path))
    assert os.listdir(place.parent) == []


@pytest.mark.parametrize("verb", ["gage-init", "gage-reopen"])
def test_what_a_verb_builds_survives_that_the_clock_jumps_days_forward(tmp_path, clock, verb):
    """The verb is suspended when it has begun to build; meanwhile another one sweeps."""
    if not can_be_killed():
        pytest.skip("strace does not work here")
    done("gage-init", "runs/one", "--", "true", clock=clock, cwd=tmp_path)
    for other in VERBS:
        done(other, "runs/one", clock=clock, cwd=tmp_path)
    words = ["runs/two", "--", "true"] if verb == "gage-init" else ["runs/one"]
    log = str(tmp_path / "calls")
    suspend = "inject=flock:signal=SIGSTOP:when=1"
    at_work = subprocess.Popen(
        ["strace", "-f", "-o", log, "-e", "trace=flock", "-e", suspend, verb, *words],
        cwd=tmp_path,
        env={**os.environ, **clock.env, "GAGE_FSYNC": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(lambda: os.path.exists(log) and "stopped by SIGSTOP" in read(log))
        (built,) = os.listdir(tmp_path / "runs" / ".tmp")
        clock.set(time.time_ns() + 3 * DAY)
        done("gage-init", "runs/three", "--", "true", clock=clock, cwd=tmp_path)
        assert os.listdir(tmp_path / "runs" / ".tmp") == [built]
    finally:
        os.kill(int(read(log).split()[0]), signal.SIGCONT)
        _, err = at_work.communicate(timeout=30)
    assert (err, at_work.returncode) == (b"", 0)
    told = done("gage-status", words[0], clock=clock, cwd=tmp_path)
    assert told == ("pending\n" if verb == "gage-init" else "staged\n")
    assert os.listdir(tmp_path / "runs" / ".tmp") == []
