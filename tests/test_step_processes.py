"""Processes that run side by side: their lines, their ends, and the signals that reach us."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from gage import process_tree
from gage.step_processes import PIECE, StepProcesses
from tests.programs import wait_until


@contextmanager
def caught(tmp_path):
    """What this process, and what it starts, writes to its two streams: a list of two texts."""
    files = [open(tmp_path / name, "w+b") for name in ("out", "err")]  # noqa: SIM115
    before = [os.dup(fd) for fd in (1, 2)]
    told = []
    try:
        for file, fd in zip(files, (1, 2), strict=True):
            os.dup2(file.fileno(), fd)
        yield told
    finally:
        for fd, kept in enumerate(before, 1):
            os.dup2(kept, fd)
            os.close(kept)
        for file in files:
            file.seek(0)
            told.append(file.read())
            file.close()


def says(*pieces, to=1, code=0, pause=0.0):
    """Work that writes the *pieces* and returns *code*."""

    def work():
        for piece in pieces:
            os.write(to, piece)
            time.sleep(pause)
        return code

    return work


def run_all(processes):
    """Wait for all; the exit code of each by its name."""
    ended = {}
    while len(processes):
        name, code = processes.wait([])
        ended[name] = code
    return ended


def test_each_process_ends_with_the_code_of_its_work():
    with StepProcesses(apart=False) as processes:
        for name, code in (("a", 0), ("b", 7)):
            assert processes.start(name, lambda code=code: code)
        assert run_all(processes) == {"a": 0, "b": 7}


def test_a_process_that_is_killed_ends_with_the_signal():
    with StepProcesses(apart=True) as processes:
        processes.start("a", lambda: os.kill(os.getpid(), signal.SIGKILL) or 0)
        assert run_all(processes) == {"a": -signal.SIGKILL}


def test_alone_what_a_step_prints_is_passed_on_as_it_is(tmp_path):
    with caught(tmp_path) as told, StepProcesses(apart=False) as processes:
        processes.start("a", says(b"no\xffnewline"))
        run_all(processes)
    assert told == [b"no\xffnewline", b""]


def test_apart_each_line_has_the_name_of_its_step(tmp_path):
    with caught(tmp_path) as told, StepProcesses(apart=True) as processes:
        processes.start("a", says(b"one\n\ntwo\n"))
        processes.start("b", says(b"trouble\n", to=2))
        run_all(processes)
    assert told == [b"a | one\na | \na | two\n", b"b | trouble\n"]


def test_bytes_that_are_no_text_and_carriage_returns_pass_unharmed(tmp_path):
    odd = b"\xff\x00\r50%\r100%\x85\x1c\x0c\n"
    with caught(tmp_path) as told, StepProcesses(apart=True) as processes:
        processes.start("a", says(odd))
        run_all(processes)
    assert told[0] == b"a | " + odd


def test_a_last_line_without_a_newline_gets_one(tmp_path):
    with caught(tmp_path) as told, StepProcesses(apart=True) as processes:
        processes.start("a", says(b"one\ntw", b"o"))
        run_all(processes)
    assert told[0] == b"a | one\na | two\n"


def test_lines_that_come_in_pieces_stay_whole_beside_others(tmp_path):
    with caught(tmp_path) as told, StepProcesses(apart=True) as processes:
        for name in "ab":
            piece = name.encode()
            processes.start(name, says(*[piece * 9, piece + b"\n"] * 20, pause=0.001))
        run_all(processes)
    lines = told[0].split(b"\n")[:-1]
    assert sorted(lines) == [b"a | " + b"a" * 10] * 20 + [b"b | " + b"b" * 10] * 20


def test_a_line_without_end_is_passed_on_in_pieces(tmp_path):
    size = 3 * PIECE + 5
    with caught(tmp_path) as told, StepProcesses(apart=True) as processes:
        processes.start("a", says(b"x" * size))
        run_all(processes)
    lines = told[0].split(b"\n")[:-1]
    assert all(line.startswith(b"a | ") for line in lines)
    assert sum(len(line) - len(b"a | ") for line in lines) == size
    assert len(lines) > 1
    assert all(len(line) >= PIECE for line in lines[:-1])
    assert all(len(line) < 2 * PIECE + 5 for line in lines)


def test_a_chatty_step_does_not_starve_another(tmp_path):
    go_on = tmp_path / "go on"

    def chat():
        while not go_on.exists():
            os.write(1, b"x" * 4096 + b"\n")
        return 0

    with open(os.devnull, "wb") as nothing, StepProcesses(apart=True) as processes:
        kept = os.dup(1)
        os.dup2(nothing.fileno(), 1)
        try:
            processes.start("chatty", chat)
            processes.start("quiet", says(b"said\n", pause=0.1))
            assert processes.wait([]) == ("quiet", 0)
            go_on.touch()
            assert run_all(processes) == {"chatty": 0}
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def test_a_descriptor_that_becomes_readable_ends_the_wait():
    held, let_go = os.pipe()
    slot, give = os.pipe()
    with StepProcesses(apart=True) as processes:
        processes.start("a", lambda: len(os.read(held, 1)) - 1)
        os.write(give, b"+")
        assert processes.wait([slot]) is None
        os.write(let_go, b"!")
        assert run_all(processes) == {"a": 0}
    for fd in (held, let_go, slot, give):
        os.close(fd)


def test_a_step_reads_nothing_and_has_a_process_group_of_its_own():
    with StepProcesses(apart=False) as processes:
        processes.start("a", lambda: int(os.read(0, 1) != b"" or os.getpgrp() != os.getpid()))
        assert run_all(processes) == {"a": 0}


def test_an_error_of_ours_ends_the_steps():
    with pytest.raises(KeyError), StepProcesses(apart=False) as processes:
        processes.start("a", lambda: time.sleep(60) or 0)
        raise KeyError
    assert len(processes) == 0


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StepProcesses(apart=False) as processes:
            os.kill(os.getpid(), signal.SIGHUP)
            assert processes.stopped_by == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_reaches_all_steps_and_starts_no_more(signum, tmp_path):
    def work():
        def end(signum, frame):
            os._exit(signum)

        signal.signal(signum, end)
        os.close(os.open(tmp_path / str(os.getpid()), os.O_CREAT))
        time.sleep(60)
        return 0

    before = signal.getsignal(signum)
    with StepProcesses(apart=True) as processes:
        for name in "ab":
            processes.start(name, work)
        wait_until(lambda: len(os.listdir(tmp_path)) == 2)
        os.kill(os.getpid(), signum)
        assert run_all(processes) == {"a": signum, "b": signum}
        assert processes.stopped_by == signum
        assert not processes.start("c", lambda: 0)
        assert len(processes) == 0
    assert signal.getsignal(signum) == before


PROGRAM = """
import os, signal, time
from gage.step_processes import StepProcesses

def work():
    signal.signal(signal.SIGTERM, signal.{reaction})
    with open("began", "w") as file:
        file.write(str(os.getpid()))
    try:
        while True:
            os.write(1, b"x" * 4096)
    except BrokenPipeError:
        open("told", "w")
    time.sleep(60)

with StepProcesses(apart=True) as processes:
    processes.start("a", work)
    processes.start("b", lambda: time.sleep(60) or 0)
    processes.wait([])
"""


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except FileNotFoundError:
        return False


@pytest.fixture
def begun(tmp_path):
    """Begin the program with a reaction to SIGTERM: its process, and the ID of a step."""
    began = tmp_path / "began"

    def begin(reaction):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(reaction=reaction)],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: began.exists() and began.read_text())
        return process, int(began.read_text())

    return begin


def test_where_we_are_killed_the_kernel_ends_the_steps(begun):
    process, step = begun("SIG_DFL")
    process.kill()
    process.wait()
    wait_until(lambda: not is_alive(step))


def test_a_step_whose_reader_was_killed_is_told_and_does_not_block(begun, tmp_path):
    process, step = begun("SIG_IGN")
    process.kill()
    process.wait()
    try:
        wait_until((tmp_path / "told").exists)
    finally:
        os.kill(step, signal.SIGKILL)


def test_steps_go_on_when_nobody_reads_what_they_print(tmp_path):
    read, write = os.pipe()
    os.close(read)
    kept = os.dup(1)
    os.dup2(write, 1)
    try:
        with StepProcesses(apart=True) as processes:
            processes.start("a", says(*[b"line\n"] * 50, code=3))
            assert run_all(processes) == {"a": 3}
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(write)


def children():
    """The processes that this one has started and not awaited."""
    with open("/proc/thread-self/children", encoding="ascii") as file:
        return file.read()


def test_a_step_whose_end_nobody_would_see_is_ended():
    before = children()
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with StepProcesses(apart=False) as processes:
        process_tree.load()
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                processes.start("a", lambda: time.sleep(60) or 0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert len(processes) == 0
    assert children() == before
