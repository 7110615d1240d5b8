"""What a command writes, and where it goes: full disks, readers that leave, terminals that die."""

import os
import re
import subprocess
import sys

import pytest

from gage.output_index import parse_record
from gage.run import Run, lock_path, open_run, read_fact, run_meta_path
from gage.status import run_status
from tests.faults.disks import fill, small_disk, use_inodes
from tests.faults.place import define, each, mostly_long, quick, runs, staged
from tests.porcelain.place import gage_on_terminal
from tests.programs import program, read, wait_until, write

LOUD = 5_000_000

LONG_NAMES = (
    "i=0; while [ $i -lt 700 ]; do i=$((i+1)); "
    f": > {'a-name-that-makes-the-manifest-long-' * 5}$i; done; cat /dev/zero > fill; "
)


@pytest.fixture
def disk(tmp_path):
    with small_disk(str(tmp_path / "disk"), size="2m") as disk:
        yield disk


def lost(run: Run) -> int:
    """How many bytes of output the index calls lost."""
    with open(run_meta_path(run, "output", "40_run.index"), "rb") as file:
        records = [parse_record(line) for line in file]
    return sum(record.length for record in records if record and record.stream == "x")


def kept(run: Run) -> int:
    return os.path.getsize(run_meta_path(run, "output", "40_run"))


# The disk is full


@pytest.mark.parametrize("code", [0, 7])
def test_output_that_fills_the_disk_is_said_and_the_run_is_finalized_with_its_code(disk, code):
    define(disk, loud=f"yes | head -c {LOUD}; exit {code}")
    told = quick("run", cwd=disk)
    (run,) = runs(disk)
    assert (told.code, len(told.out)) == (code, LOUD)
    missing = LOUD - kept(run)
    assert told.err == (
        f"gage run: {run}: {missing} bytes of output are lost: No space left on device\n"
    )
    assert lost(run) == missing > 0
    assert run_status(run) == ("error" if code else "completed")
    assert f"{missing} bytes of output are lost" in read_fact(run, "log", "runner")


def test_of_plumbing_each_says_what_it_is_about(disk):
    run = staged(disk, f"yes | head -c {LOUD}; exit 7")
    told = quick("exec", "-q", "one", cwd=disk)
    missing = LOUD - kept(run)
    assert told == (
        "",
        f"gage-exec: one: {missing} bytes of output are lost: No space left on device\n",
        7,
    )
    assert lost(run) == missing > 0
    assert run_status(run) == "exited"
    assert quick("finalize", "one", cwd=disk) == ("", "", 0)
    assert run_status(run) == "error"


@pytest.mark.parametrize("code", [0, 4])
def test_a_run_that_cannot_be_finalized_keeps_its_code_and_says_what_to_do(disk, code):
    define(disk, many=f"{LONG_NAMES} exit {code}")
    told = quick("run", "-q", cwd=disk)
    (run,) = runs(disk)
    assert told.code == code
    assert f"gage run: {run}: not finalized: No space left on device\n" in told.err
    assert told.err.endswith(f"hint: mend that, then gage-finalize {run}\n")
    assert run_status(run) == "exited"
    again = quick("finalize", str(run), cwd=disk)
    assert (again.code, "not finalized: No space left on device" in again.err) == (12, True)
    assert run_status(run) == "exited"
    os.unlink(os.path.join(str(run), "fill"))
    assert quick("finalize", str(run), cwd=disk) == ("", "", 0)
    assert read_fact(run, "proc", "exit") == str(code)
    left = os.listdir(os.path.dirname(lock_path(run, "runner")))
    assert not [name for name in left if name.startswith("headroom")]


def test_the_script_that_is_printed_keeps_the_code_too(disk):
    define(disk, many=f"{LONG_NAMES} exit 4")
    script = quick("run", "--print", cwd=disk).out
    told = program("sh", input=script, cwd=disk)
    assert (told.code, run_status(runs(disk)[0])) == (4, "exited")
    assert "not finalized: No space left on device" in told.err


def test_a_restart_keeps_the_code_and_finalizes_what_was_left(disk):
    define(disk, many=f"test -e again && exit 6; touch again; {LONG_NAMES} exit 4")
    assert quick("run", "-q", cwd=disk).code == 4
    (run,) = runs(disk)
    told = quick("restart", "-y", "many@", cwd=disk)
    assert (told.code, run_status(run)) == (125, "exited")
    assert "not finalized: No space left on device" in told.err
    os.unlink(os.path.join(str(run), "fill"))
    assert quick("restart", "-y", "many@", cwd=disk).code == 6
    assert read_fact(run, "attempts", "1", "proc", "exit") == "4"


@pytest.mark.parametrize(("code", "answer"), [(0, 125), (4, 4)])
def test_a_step_that_cannot_be_finalized_ends_its_pipeline_and_a_restart_goes_on(
    disk, code, answer
):
    define(
        disk,
        ok="echo ok",
        many=f"if test -e fill; then rm fill; exit 0; fi; {LONG_NAMES} exit {code}",
        all=["ok", "many", "ok"],
    )
    told = quick("run", "all", cwd=disk)
    assert told.code == answer
    assert re.search(r"step many: .*: not finalized: No space left on device", told.err)
    found = {f"{run.opref}": run_status(run) for run in runs(disk) if str(run.opref) != "ok"}
    assert found == {"all": "error", "many": "exited"}
    last = [run_status(run) for run in runs(disk) if str(run.opref) == "ok"]
    assert sorted(last) == ["completed", "staged"]
    for run in runs(disk):
        if os.path.exists(f"{run}/fill"):
            os.truncate(f"{run}/fill", 0)
    assert quick("restart", "-y", "all@", cwd=disk).code == 0
    assert {run_status(run) for run in runs(disk)} == {"completed"}


def test_a_command_that_uses_the_last_inode_is_finalized(tmp_path):
    with small_disk(str(tmp_path / "disk"), size="20m", inodes=150) as disk:
        define(disk, eat="i=0; while touch f-$i; do i=$((i+1)); done; exit 5")
        told = quick("run", cwd=disk)
        (run,) = runs(disk)
        assert (told.code, run_status(run)) == (5, "error"), told.err
        assert os.statvfs(disk).f_ffree < 20


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_on_a_full_disk_nothing_is_started_and_later_the_same_command_works(tmp_path, what):
    inodes = 200 if what == "inodes" else 0
    with small_disk(str(tmp_path / "disk"), size="1m", inodes=inodes) as disk:
        run = staged(disk, "echo hi; exit 3")
        used = [fill(disk)] if what == "blocks" else use_inodes(disk)
        told = quick("exec", "one", cwd=disk)
        assert (told.out, told.code) == ("", 125)
        assert re.fullmatch(r"gage-exec: \S+: No space left on device\n", told.err)
        assert run_status(run) == "staged"
        for path in used:
            os.unlink(path)
        assert quick("exec", "one", cwd=disk) == ("hi\n", "", 3)


def test_output_beyond_a_limit_of_the_size_of_files_is_said_and_nothing_else_is_lost(tmp_path):
    define(str(tmp_path), loud="yes | head -c 300000; echo end; exit 6")
    told = program("prlimit", "--fsize=100000", "gage", "run", cwd=tmp_path)
    (run,) = runs(str(tmp_path))
    assert (told.code, len(told.out)) == (6, 300_004)
    assert told.err == f"gage run: {run}: 200004 bytes of output are lost: File too large\n"
    assert (kept(run), lost(run), run_status(run)) == (100_000, 200_004, "error")


# The reader goes away, or there never was one


def every_command(run_dir):
    """A way to call each command that prints something, but for the runners."""
    home = os.path.dirname(run_dir)
    return [
        *([], ["--version"], ["help"], ["help", "run"], ["run", "--help"], ["exec", "--help"]),
        *(["ops"], ["ops", "op"], ["check"], ["runs"], ["runs", "-s"], ["runs", "--json"]),
        *(["runs", "diff", "op@", "op@{1}"], ["show", "op@"], ["log", "op@"], ["ls", "op@"]),
        *(["cat", "op@", "made"], ["select", "op@"], ["run", "op", "--preview"]),
        *(["run", "op", "--print"], ["run", "op", "--stage"], ["init", "a/", "-C", ".", "op"]),
        *(["manifest", run_dir], ["manifest", "--fingerprint", run_dir], ["status", run_dir]),
        *(["ls-runs"], ["output", run_dir], ["read-config", "conf.yaml"]),
        ["link-steps", f"{home}/pipeline"],
    ]


@pytest.fixture
def told_of(tmp_path):
    """A project with two runs that have something to tell everywhere, and a pipeline."""
    define(tmp_path, op="echo out; echo err >&2; date +%s%N > made", all=["op"])
    write(str(tmp_path / "conf.yaml"), "lr: 1\n")
    home = tmp_path / ".gage" / "runs"
    for words in (["--stage", "all", "--run-dir", f"{home}/pipeline"], ["op"], ["op"]):
        assert quick("run", "-y", *words, cwd=tmp_path).code == 0
    return str(tmp_path), str(home / quick("select", "op@", cwd=tmp_path).out.strip())


def test_a_reader_that_goes_away_is_141_and_quiet_for_every_command(told_of):
    place, run_dir = told_of
    commands = every_command(run_dir)
    for words, told in zip(commands, each(commands, place, stdout="gone"), strict=True):
        assert told == ("", "", 141), words


def test_output_that_cannot_be_written_is_said_by_every_command(told_of):
    place, run_dir = told_of
    commands = [words for words in every_command(run_dir) if "--help" not in words]
    for words, told in zip(commands, each(commands, place, stdout="full"), strict=True):
        assert told.code == (125 if words[:1] == ["run"] else 12), words
        assert re.fullmatch(r"gage[a-z -]*: No space left on device\n", told.err), words


@pytest.mark.parametrize("operation", ["op", "all"])
def test_a_run_whose_reader_leaves_is_run_to_its_end(tmp_path, operation):
    define(tmp_path, op="seq 200000; echo end > end; exit 3", all=["op"])
    told = program(
        "sh", "-c", f"{{ gage run {operation}; echo $? > code; }} | head -n 1", cwd=tmp_path
    )
    assert told.out == "1\n"
    wait_until(lambda: os.path.exists(tmp_path / "code") and read(str(tmp_path / "code")))
    # The command's own code, not that of a broken pipe: the run went on.
    assert (read(str(tmp_path / "code")), "Traceback" in told.err) == ("3\n", False)
    (run,) = [run for run in runs(tmp_path) if str(run.opref) == "op"]
    assert (run_status(run), os.path.exists(f"{run}/end")) == ("error", True)
    assert read(run_meta_path(run, "output", "40_run")).endswith("\n200000\n")


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"]

ALL_VERBS = (
    "gage-init one -C . op", "gage-stage one", "gage-exec one", "gage-finalize one",
    "gage-reopen one", "gage run op", "gage runs",
)  # fmt: skip


@pytest.mark.parametrize("closed", mostly_long(CLOSED, but_for=(">&-", "<&- >&- 2>&-")))
def test_no_file_of_a_run_becomes_a_stream_that_was_closed(tmp_path, closed):
    define(tmp_path, op="echo hi; echo oh >&2; exit 3")
    script = "".join(f"{verb} {closed}; echo $? >> codes\n" for verb in ALL_VERBS)
    told = program("sh", "-c", script, cwd=tmp_path)
    assert read(str(tmp_path / "codes")).split() == ["0", "0", "3", "0", "0", "3", "0"], told
    one = open_run(str(tmp_path / "one"))
    (other,) = runs(tmp_path)
    assert (run_status(one), run_status(other)) == ("staged", "error")
    for output in (
        run_meta_path(one, "attempts", "1", "output", "40_run"),
        run_meta_path(other, "output", "40_run"),
    ):
        assert sorted(read(output).splitlines()) == ["hi", "oh"]
    for run in (one, other):
        locks = os.path.dirname(lock_path(run, "runner"))
        sizes = {name: os.path.getsize(os.path.join(locks, name)) for name in os.listdir(locks)}
        assert sizes["runner"] == sizes["tree"] == 0
        assert read(os.path.join(locks, "identity")).split()[0] == os.uname().nodename
    assert read(f"{one.meta_dir}/opref").endswith(" op\n")


# What is shown


ASCII = {
    "LC_ALL": "POSIX",
    "LANG": "C",
    "PYTHONIOENCODING": "ascii:strict",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}

FOREIGN = r"""größe:
  description: für ✓ 日本
  sourcecode: no
  flags: {ü: é}
  exec: |
    printf '\377 ✓\n'; echo x > ✓; echo x > "$(printf '\377')"; date +%s%N > made
all: {sourcecode: no, steps: [größe]}
"""

CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.fixture
def foreign(tmp_path):
    """A project in which every name and every text is one that ASCII has not."""
    write(str(tmp_path / "gage.yaml"), FOREIGN)
    write(str(tmp_path / "conf.yaml"), "lr✓: é\n")
    home = tmp_path / ".gage" / "runs"
    commands = [
        ["run", "--stage", "all", "--run-dir", f"{home}/pipeline"],
        ["run", "größe", "ü=✓", "-l", "\udcff✓", "-t", "tag✓"],
        ["run", "größe", "ü=\udcff"],
        ["runs", "comment", "\udcff ✓", "größe@{1}"],
    ]
    for words, told in zip(commands, each(commands, tmp_path, env=ASCII), strict=True):
        assert told.code == 0, (words, told)
    name = quick("select", "größe@{1}", cwd=tmp_path).out.strip()
    return str(tmp_path), str(home / name)


def test_any_locale_will_do_for_every_command(foreign):
    place, run_dir = foreign
    commands = [
        [re.sub("^op($|@)", r"größe\1", word) for word in words] for words in every_command(run_dir)
    ]
    told = each(commands, place, env=ASCII)
    assert [told for told in told if "Traceback" in told.err or told.code not in (0, 1)] == []
    # The same as in any other locale: nothing is lost because a terminal could not show it.
    as_usual = each([["show", "größe@{1}"], ["runs", "-s"]], place)
    assert as_usual == each([["show", "größe@{1}"], ["runs", "-s"]], place, env=ASCII)
    assert "✓" in as_usual[0].out
    assert "\\udcff" in as_usual[1].out


def test_errors_can_be_said_in_any_locale(foreign):
    place, _ = foreign
    words = "\udcff✓\x1b[31m"
    commands = [
        ["show", words],
        ["run", words],
        ["ls-runs", "--filter", words],
        [words],
        ["status", words],
        ["run", "größe", f"{words}=1"],
        ["log", f"./{words}"],
    ]
    for told in each(commands, place, env=ASCII):
        assert told.code not in (0, 1, 3, 70)
        assert "Traceback" not in told.err
        assert "\x1b" not in told.err


def test_off_a_terminal_nothing_steers_one(told_of):
    place, run_dir = told_of
    define(place, op="echo out")
    env = {"TERM": "xterm-256color", "FORCE_COLOR": "1", "CLICOLOR": "1", "COLUMNS": "1"}
    for words, told in zip(
        every_command(run_dir), each(every_command(run_dir), place, env=env), strict=True
    ):
        assert told.code in (0, 1), (words, told)
        assert not CONTROL.search(told.out + told.err), words


GIFTS = ({"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": "dumb", "COLUMNS": "1"})


@pytest.mark.parametrize("env", mostly_long(GIFTS, but_for=GIFTS[:2]))
def test_a_terminal_of_few_gifts_is_not_steered(told_of, env):
    place, _ = told_of
    columns = int(env.get("COLUMNS", "80"))
    for words in (["runs"], ["show", "op@"], ["run", "op", "-y"]):
        shown, code = gage_on_terminal(
            *words, cwd=place, columns=columns, env={"PAGER": "cat", **env}
        )
        assert code == 0, shown
        assert "\x1b[" not in shown, words


@pytest.mark.parametrize("columns", mostly_long((1, 2, 10), but_for=(1,)))
def test_a_terminal_may_be_narrow(told_of, columns):
    place, _ = told_of
    for words in (["runs"], ["show", "op@"], ["run", "op", "-y"], []):
        shown, code = gage_on_terminal(*words, cwd=place, columns=columns)
        assert (code, "Traceback" in shown) == (0, False), shown


# Much, and odd


@pytest.mark.long
def test_a_gigabyte_without_a_newline_is_kept_in_little_memory(tmp_path):
    define(tmp_path, loud="head -c 1000000000 /dev/zero")
    # A small process starts it: what a process holds counts for those that it forks.
    script = (
        "import os, resource, subprocess\n"
        "subprocess.run(['gage', 'run'], stdout=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    told = subprocess.check_output([sys.executable, "-c", script], cwd=tmp_path)
    (run,) = runs(tmp_path)
    assert (run_status(run), kept(run)) == ("completed", 1_000_000_000)
    assert int(told) < 100_000
    os.unlink(run_meta_path(run, "output", "40_run"))


def test_bytes_that_come_one_by_one_are_all_there_and_in_order(tmp_path):
    data = bytes(range(256)) * 8
    write(
        str(tmp_path / "drip.py"),
        f"import os\nfor byte in {data!r}: os.write(1 + byte % 2, bytes([byte]))\n",
    )
    define(tmp_path, op=f"exec python {tmp_path}/drip.py")
    done = subprocess.run(["gage", "run"], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout == bytes(byte for byte in data if byte % 2 == 0)
    assert done.stderr == bytes(byte for byte in data if byte % 2)
    (run,) = runs(tmp_path)
    with open(run_meta_path(run, "output", "40_run"), "rb") as file:
        assert sorted(file.read()) == sorted(data)
    for stream in ("--stdout", "--stderr"):
        told = subprocess.run(["gage-output", stream, str(run)], capture_output=True).stdout
        assert told == (done.stdout if stream == "--stdout" else done.stderr)
