import json
import os
import signal
import subprocess

import pytest

from gage import clock
from gage.facts import put_fact
from gage.output import OutputFile
from gage.plumbing.exec import exec_run
from gage.run import Run, read_fact, run_meta_path
from tests.place import SCRIPTS
from tests.programs import write
from tests.staged import staged_run

OUTPUT = os.path.join(SCRIPTS, "gage-output")
EXEC = os.path.join(SCRIPTS, "gage-exec")


@pytest.fixture
def run(tmp_path) -> Run:
    run = staged_run(tmp_path, "echo one; sleep 0.05; echo two >&2; sleep 0.05; printf three")
    exec_run(run, echo=False)
    return run


def gage_output(*args) -> subprocess.CompletedProcess:
    return subprocess.run([OUTPUT, *map(str, args)], capture_output=True, timeout=30)


def test_the_output_of_a_run_is_printed(run):
    result = gage_output(run)
    assert result.stdout == b"one\ntwo\nthree"
    assert result.returncode == 0
    assert gage_output("--stdout", run).stdout == b"one\nthree"
    assert gage_output("--stderr", run).stdout == b"two\n"
    assert gage_output("--stdout", "--stderr", run).returncode == 2


def test_each_line_may_have_its_time(run):
    for line in gage_output("--timestamps", run).stdout.splitlines():
        time, _, text = line.partition(b"\t")
        assert len(time) == len("2026-11-21T10:00:00.000000Z")
        assert text in (b"one", b"two", b"three")


def test_programs_read_lines_with_their_time_and_stream(run):
    lines = [json.loads(line) for line in gage_output("--json", run).stdout.splitlines()]
    assert [(line["stream"], line["text"]) for line in lines] == [
        ("stdout", "one\n"),
        ("stderr", "two\n"),
        ("stdout", "three"),
    ]
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    assert gage_output("--json", "-z", "--stderr", run).stdout.endswith(b"}\0")
    assert gage_output("-z", run).returncode == 2
    assert gage_output("--json", "--timestamps", run).returncode == 2


def test_what_is_not_text_and_what_is_missing_is_told_to_programs(run):
    for name, text in (("", "a\udcff\nbc\nmore"), (".index", "5 o 3\n6 x 9\n7 e 1\n")):
        os.unlink(run_meta_path(run, "output", f"40_run{name}"))
        write(run_meta_path(run, "output", f"40_run{name}"), text)
    assert [json.loads(line) for line in gage_output("--json", run).stdout.splitlines()] == [
        {"time": 5, "stream": "stdout", "text": "a\udcff\n"},
        {"time": 6, "lost": 9},
        {"time": None, "stream": None, "text": "c\n"},
        {"time": 7, "stream": "stderr", "text": "b"},
        {"time": None, "stream": None, "text": "more"},
    ]


def test_a_phase_has_an_output_of_its_own(run):
    output = OutputFile(run, "10_sourcecode", clock.now)
    output.write("o", memoryview(b"from the hook\n"))
    output.close("none", seal=True)
    for phase in ("sourcecode", "10_sourcecode"):
        assert gage_output("--phase", phase, run).stdout == b"from the hook\n"
    assert gage_output("--phase", "runtime", run).stdout == b""
    result = gage_output("--phase", "nonsense", run)
    assert result.returncode == 2
    assert b"'nonsense': no such phase" in result.stderr


def test_a_run_that_has_written_nothing_prints_nothing(tmp_path):
    result = gage_output(staged_run(tmp_path, ["true"]))
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert gage_output(tmp_path / "none").returncode == 10


def test_a_reader_that_goes_away_is_no_trouble(tmp_path):
    run = staged_run(tmp_path, ["seq", "200000"])
    exec_run(run, echo=False)
    with subprocess.Popen(
        [OUTPUT, run.run_dir], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        reader.stdout.read(1)
        reader.stdout.close()
        assert reader.stderr.read() == b""
        assert reader.wait() == 141


def test_lines_are_followed_one_by_one(tmp_path):
    run = staged_run(tmp_path, "echo one; until test -e $GO; do sleep 0.05; done")
    go = str(tmp_path / "go")
    runner = subprocess.Popen([EXEC, "-q", run.run_dir], env=os.environ | {"GO": go})
    follow = [OUTPUT, "-f", "--json", run.run_dir]
    with subprocess.Popen(follow, stdout=subprocess.PIPE) as follower:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["text"] == "one\n"
        write(go, "")
        assert (runner.wait(), follower.wait()) == (0, 0)


@pytest.mark.parametrize("options", [[], ["--timestamps"], ["--stdout"]])
def test_following_ends_with_the_run(tmp_path, options):
    run = staged_run(tmp_path, "echo one; sleep 0.3; echo two")
    follower = subprocess.Popen([OUTPUT, "-f", *options, run.run_dir], stdout=subprocess.PIPE)
    subprocess.run([EXEC, "-q", run.run_dir], check=True)
    seen = follower.communicate(timeout=20)[0]
    assert [line.rpartition(b"\t")[2] for line in seen.split(b"\n")] == [b"one", b"two", b""]
    assert follower.returncode == 0


def test_following_a_finished_run_ends_at_once(run):
    assert b"three" in gage_output("-f", run).stdout
    put_fact(run, "proc", "exit", text="0")
    assert b"three" in gage_output("-f", run).stdout
    assert gage_output("-f", "--phase", "sourcecode", run).stdout == b""
    assert gage_output("-f", "--phase", "finalize", run).stdout == b""


def test_following_ends_when_the_runner_is_killed(tmp_path):
    run = staged_run(tmp_path, "echo one; exec sleep 66")
    runner = subprocess.Popen([EXEC, "-q", run.run_dir])
    follower = subprocess.Popen([OUTPUT, "-f", run.run_dir], stdout=subprocess.PIPE)
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"one\n"
    runner.kill()
    runner.wait()
    assert follower.communicate(timeout=20)[0] == b""
    with pytest.raises(ProcessLookupError):
        while True:
            os.kill(int(read_fact(run, "proc", "lock") or 0), 0)
            signal.sigtimedwait([], 0.05)
    assert os.path.getsize(run_meta_path(run, "output", "40_run")) == 4
