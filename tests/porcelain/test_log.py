import os
import select
import signal
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.porcelain.log import tamed
from tests.porcelain.place import at_work, gage, gage_on_terminal, put, write_run

OUTPUT = b"one\n\x1b[31mred\x1b[0m \x1b]0;title\x07\xff\n10%\r50%\r\ntab\t\xe2\x82\xac"


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def test_a_pipe_gets_the_bytes(tmp_path, home):
    write_run(home, 1, output=OUTPUT)
    done = subprocess.run(["gage", "log"], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == OUTPUT


def test_a_terminal_gets_text_and_colour_and_nothing_that_steers_it(tmp_path, home):
    write_run(home, 1, output=OUTPUT)
    shown, code = gage_on_terminal("log", cwd=tmp_path)
    assert code == 0
    assert shown == ("one\n\x1b[31mred\x1b[0m \\x1b]0;title\\x07\\xff\n10%\n50%\ntab\t€\x1b[0m")


@given(st.lists(st.binary(max_size=6) | st.sampled_from([b"\x1b", b"[3", b"1m", b"\r", b"\n"])))
def test_how_output_comes_in_pieces_changes_nothing(pieces):
    whole = b"".join(tamed([b"".join(pieces)]))
    assert b"".join(tamed(pieces)) == whole
    plain = whole.replace(b"\x1b[0m", b"").replace(b"\x1b[31m", b"").replace(b"\x1b[1m", b"")
    assert b"\r" not in plain
    assert b"\x1b]" not in plain


def test_streams_and_phases_are_told_apart(tmp_path, home):
    id = write_run(home, 1, output=b"out\nerr\n")
    index = os.path.join(home, id + ".meta", "output", "40_run.index")
    put(index, b"1763726400000000 o 4\n1763726400000001 e 4\n")
    put(os.path.join(home, id + ".meta", "output", "10_sourcecode"), b"staged\n")
    log = lambda *words: gage("log", *words, cwd=tmp_path).out  # noqa: E731
    assert log("--stdout") == "out\n"
    assert log("--stderr", "1") == "err\n"
    assert log("--phase", "sourcecode") == "staged\n"
    assert log("--timestamps", "--stdout") == "2025-11-21T12:00:00.000000Z\tout\n"
    assert gage("log", "--stdout", "--stderr", cwd=tmp_path).code == 2
    assert gage("log", "--phase", "none", cwd=tmp_path).code == 2


def test_following_a_run_that_has_ended_ends(tmp_path, home):
    write_run(home, 1, output=b"done\n")
    assert gage("log", "-f", cwd=tmp_path).out == "done\n"


def test_an_interrupted_follower_exits_as_one(tmp_path, home):
    id = write_run(home, 1, exit=None, facts={"started": "1"})
    output = os.path.join(home, id + ".meta", "output", "40_run")
    put(output, b"begun\n")
    put(f"{output}.index", b"1763726400000000 o 6\n")
    with at_work(home, id):
        follower = subprocess.Popen(["gage", "log", "-f"], cwd=tmp_path, stdout=subprocess.PIPE)
        try:
            assert select.select([follower.stdout], [], [], 30)[0]
            assert follower.stdout.readline() == b"begun\n"
            follower.send_signal(signal.SIGINT)
            assert follower.wait(30) == 130
        finally:
            follower.kill()
            follower.communicate()


def test_a_run_that_wrote_nothing_has_no_output(tmp_path, home):
    write_run(home, 1, exit=None)
    assert gage("log", cwd=tmp_path) == ("", "", 0)


def test_what_an_earlier_attempt_wrote_is_shown(tmp_path, home):
    id = write_run(home, 1, output=b"now\n", facts={"attempts/1/started": "1"})
    put(os.path.join(home, id + ".meta", "attempts", "1", "output", "40_run"), b"before\n")
    log = lambda *words: gage("log", *words, cwd=tmp_path)  # noqa: E731
    assert log("--attempt", "1").out == log("--attempt", "1", "-f").out == "before\n"
    assert log("--attempt", "2").out == log().out == "now\n"
    assert log("--attempt", "1", "--phase", "finalize") == ("", "", 0)
    assert log("--attempt", "3").err == (
        f"gage log: {home}/{id}: no attempt 3\nhint: attempts: 1, 2\n"
    )
