"""Slots that are shared with make, by a pipe, by a FIFO, or by no one."""

import os
import re
import subprocess
from contextlib import contextmanager

import pytest

from gage.errors import UsageError
from gage.job_slots import MOST_JOBS, JobSlots

TOKENS = b"abc"


@contextmanager
def pipe_of_make():
    """What make gives a recipe that is marked with `+`, with a byte for each of three slots."""
    read, write = os.pipe()
    os.write(write, TOKENS)
    try:
        yield {"MAKEFLAGS": f" -j4 --jobserver-auth={read},{write}"}, read
    finally:
        os.close(read)
        os.close(write)


@contextmanager
def fifo_of_make(folder):
    """The same as a FIFO, as make 4.4 has it."""
    path = os.path.join(folder, "a fifo")
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)
    os.write(fd, TOKENS)
    try:
        escaped = path.replace(" ", "\\ ")
        yield {"MAKEFLAGS": f"k -j4 --jobserver-auth=fifo:{escaped} -- X=1"}, fd
    finally:
        os.close(fd)


@pytest.fixture(params=["pipe", "fifo"])
def make(request, tmp_path):
    with pipe_of_make() if request.param == "pipe" else fifo_of_make(tmp_path) as made:
        yield made


def taken(slots):
    """How many slots are to be had now; they are taken."""
    count = 0
    while slots.take():
        count += 1
    return count


def what_is_in(fd):
    """The bytes that a jobserver holds; they stay there."""
    before = os.get_blocking(fd)
    os.set_blocking(fd, False)
    try:
        held = os.read(fd, 100)
    except BlockingIOError:
        held = b""
    os.set_blocking(fd, before)
    if held:
        with open(f"/proc/self/fd/{fd}", "wb", buffering=0) as back:
            back.write(held)
    return held


def test_without_make_there_is_one_slot():
    with JobSlots(None, {}) as slots:
        assert not slots.many
        assert slots.waiting_on == []
        assert taken(slots) == 1
        slots.give_back()
        assert taken(slots) == 1


def test_one_job_is_one_slot_whatever_make_says(make):
    environ, fd = make
    with JobSlots(1, environ) as slots:
        assert taken(slots) == 1
    assert what_is_in(fd) == TOKENS


def test_the_slots_of_make_are_taken_beside_our_own(make):
    environ, _ = make
    with JobSlots(None, environ) as slots:
        assert slots.many
        assert taken(slots) == 4


def test_each_slot_is_given_back_with_its_own_byte(make):
    environ, fd = make
    with JobSlots(None, environ) as slots:
        taken(slots)
        assert what_is_in(fd) == b""
        for _ in range(4):
            slots.give_back()
        assert sorted(what_is_in(fd)) == sorted(TOKENS)
        assert taken(slots) == 4


def test_what_is_still_taken_at_the_end_is_given_back(make):
    environ, fd = make
    with pytest.raises(KeyError), JobSlots(None, environ) as slots:
        taken(slots)
        raise KeyError
    assert sorted(what_is_in(fd)) == sorted(TOKENS)


def test_our_own_slot_is_the_last_to_be_given_back(make):
    environ, fd = make
    with JobSlots(None, environ) as slots:
        assert slots.take()
        assert slots.take()
        slots.give_back()
        assert len(what_is_in(fd)) == len(TOKENS)
        slots.give_back()
        assert len(what_is_in(fd)) == len(TOKENS)


def test_the_pipe_of_make_stays_blocking_for_those_who_share_it():
    with pipe_of_make() as (environ, read), JobSlots(None, environ) as slots:
        assert taken(slots) == 4
        assert os.get_blocking(read)


def test_a_slot_that_comes_back_is_noticed(make):
    import select

    environ, _ = make
    with JobSlots(None, environ) as one, JobSlots(None, environ) as other:
        assert taken(one) == 4
        assert taken(other) == 1
        assert not select.select(other.waiting_on, [], [], 0)[0]
        one.give_back()
        assert select.select(other.waiting_on, [], [], 0)[0]
        assert other.take()


@pytest.mark.parametrize(
    "auth",
    ["-2,-2", "990,991", "nonsense", "fifo:/nowhere/at/all", "fifo:/dev/null", "3", ""],
)
def test_a_jobserver_that_is_kept_from_us_leaves_one_slot(auth):
    with JobSlots(None, {"MAKEFLAGS": f" -j4 --jobserver-auth={auth}"}) as slots:
        assert taken(slots) == 1


def test_a_number_that_became_another_file_is_no_jobserver(tmp_path):
    with open(tmp_path / "file", "w+b") as file:
        file.write(b"+++")
        file.seek(0)
        auth = f"{file.fileno()},{file.fileno()}"
        with JobSlots(None, {"MAKEFLAGS": f"--jobserver-auth={auth}"}) as slots:
            assert taken(slots) == 1


def test_the_last_jobserver_holds_and_variables_are_none():
    with pipe_of_make() as (environ, _):
        flags = environ["MAKEFLAGS"]
        last = f"w --jobserver-fds=990,991{flags} -- X=--jobserver-auth=990,991"
        with JobSlots(None, {"MAKEFLAGS": last}) as slots:
            assert taken(slots) == 4


def test_a_jobserver_whose_make_is_gone_is_waited_for_no_more():
    read, write = os.pipe()
    with JobSlots(None, {"MAKEFLAGS": f"--jobserver-auth={read},{write}"}) as slots:
        os.close(write)
        assert taken(slots) == 1
        assert slots.waiting_on == []
    os.close(read)


def test_so_many_jobs_are_served_by_a_jobserver_of_our_own():
    with JobSlots(3, {}) as slots:
        assert taken(slots) == 3
        slots.give_back()
        with JobSlots(None, slots.environ) as nested:
            assert taken(nested) == 2
            assert not slots.take()
        assert slots.take()


def test_more_jobs_than_a_pipe_holds_are_refused():
    with JobSlots(MOST_JOBS, {}) as slots:
        assert slots.many
    with pytest.raises(UsageError, match="at most 4096"):
        JobSlots(MOST_JOBS + 1, {})


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ("", " -j3 AUTH"),
        ("k", "k -j3 AUTH"),
        ("k -j4 --jobserver-auth=3,4 -- X=-j9 Y=2", "k -j3 AUTH -- X=-j9 Y=2"),
        (" -j 8 -s", "  -s -j3 AUTH"),
        ("--jobs=3 --no-print-directory", " --no-print-directory -j3 AUTH"),
    ],
)
def test_the_other_flags_of_make_are_kept(flags, kept):
    with JobSlots(3, {"MAKEFLAGS": flags}) as slots:
        ours = re.sub(r"--jobserver-auth=\d+,\d+", "AUTH", slots.environ["MAKEFLAGS"])
    assert ours == kept


def test_a_make_that_we_start_takes_its_slots_from_us(tmp_path):
    (tmp_path / "Makefile").write_text(
        "all: a b\na:\n\ttouch a; while ! [ -e b ]; do sleep 0.01; done\nb:\n\ttouch b\n"
    )
    with JobSlots(2, {}) as slots:
        assert slots.take()
        done = subprocess.run(
            ["make", "-C", str(tmp_path)],
            env={**os.environ, **slots.environ},
            close_fds=False,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert taken(slots) == 1
