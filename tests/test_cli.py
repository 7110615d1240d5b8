import errno
import os
import subprocess
import sys

import pytest

from gage.cli import complain, guarded, shell_exit_code
from gage.errors import (
    ConfigError,
    LockedError,
    NotFoundError,
    StartError,
    StateError,
    SystemRefusedError,
    TimedOutError,
    UsageError,
)
from tests.programs import QUICK, program
from tests.written import write_run

CODES = {
    UsageError: 2,
    NotFoundError: 10,
    LockedError: 11,
    SystemRefusedError: 12,
    StateError: 20,
    ConfigError: 30,
    StartError: 125,
    TimedOutError: 124,
}


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize("kind", CODES)
def test_each_trouble_has_a_code_of_its_own(capfd, kind):
    assert guarded("gage-x", raising(kind("thing: trouble", "do this"))) == CODES[kind]
    assert capfd.readouterr() == ("", "gage-x: thing: trouble\nhint: do this\n")


def test_what_a_runner_could_not_start_is_125(capfd):
    for kind in (UsageError, NotFoundError, StateError, ConfigError, StartError):
        assert guarded("gage-x", raising(kind("x")), runner=True) == 125
    assert guarded("gage-x", raising(TimedOutError("x")), runner=True) == 124
    assert guarded("gage-x", raising(LockedError("x")), runner=True) == 11
    assert guarded("gage-x", raising(OSError(errno.ENOSPC, "full")), runner=True) == 125
    assert guarded("gage-x", raising(ValueError("x")), runner=True) == 125


@pytest.mark.parametrize(
    "words", [["gage", "runs"], ["gage-ls-runs"], ["gage", "check"], ["gage", "run", "x"]]
)
def test_that_the_current_directory_is_gone_is_said(tmp_path, words):
    where = tmp_path / "gone"
    where.mkdir()
    script = 'rmdir "$PWD"; exec "$@"'
    told = program("sh", "-c", script, "sh", *words, cwd=str(where))
    assert told.out == ""
    assert told.err == (
        f"{' '.join(words[:2])}: the current directory is gone\nhint: cd to one that is there\n"
    )
    assert told.code == (125 if "run" in words else 12)


def test_what_the_system_refuses_is_no_fault_and_names_the_file(capfd):
    error = OSError(errno.EACCES, "Permission denied", "some\nfile\udcff")
    assert guarded("gage-x", raising(error)) == 12
    assert capfd.readouterr().err == "gage-x: some\n  file\\udcff: Permission denied\n"


def test_of_a_file_that_is_but_a_number_only_the_trouble_is_said(capfd):
    assert guarded("gage-x", raising(OSError(errno.EISDIR, "Is a directory", 3))) == 12
    assert capfd.readouterr().err == "gage-x: Is a directory\n"


def test_a_name_with_a_newline_makes_no_line_of_its_own(capfd):
    complain("gage-x", "a\nhint: b: gone\n  c", "d\ne")
    assert capfd.readouterr().err == "gage-x: a\n  hint: b: gone\n  c\nhint: d\n  e\n"


def test_a_fault_of_ours_says_so_and_is_not_no(capfd):
    assert guarded("gage-x", raising(ValueError("what"))) == 3
    err = capfd.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("this is a fault of gage; please report it with the lines above\n")


def test_an_interruption_is_130():
    assert guarded("gage-x", raising(KeyboardInterrupt())) == 130


def test_a_message_needs_nobody_to_hear_it(tmp_path):
    told = program("sh", "-c", "gage-status /none 2>&-; echo $?")
    assert told.out == "10\n"
    with open("/dev/full", "wb") as full:
        assert subprocess.run(["gage-status", "/none"], stderr=full).returncode == 10


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_become_files_of_the_run(tmp_path, closed):
    script = f"gage-init one -- true {closed}; echo $?; cat one.meta/opref; ls .locks/one"
    told = program("sh", "-c", script, cwd=str(tmp_path))
    assert told.out.split("\n")[-3:] == ["0", '2 "" true', ""]
    assert all(os.path.getsize(tmp_path / "one.meta" / name) for name in ("id", "opdef.json"))


def test_a_reader_that_goes_away_is_141_and_quiet(tmp_path):
    for _ in range(3):
        write_run(tmp_path, id="")
    script = "gage-ls-runs --runs . | true; gage-ls-runs --runs . | head -n 1 | wc -l"
    told = program("sh", "-c", script, cwd=str(tmp_path))
    assert (told.out.strip(), told.err) == ("1", "")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        ["gage-ls-runs", "--runs", str(tmp_path)], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_output_that_cannot_be_written_is_said_once(tmp_path):
    run = write_run(tmp_path)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(["gage-status", run.run_dir], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 12
    assert done.stderr == b"gage-status: No space left on device\n"


def test_any_locale_will_do(tmp_path):
    run = write_run(tmp_path, name="ü\udcff")
    for env in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LANG": ""}):
        told = program("gage-ls-runs", "--runs", str(tmp_path), env=env)
        assert told == (run.run_dir + "\n", "", 0)


def test_a_shell_sees_signals_above_128():
    assert [shell_exit_code(code) for code in (0, 7, -9, -15)] == [0, 7, 137, 143]


def test_run_dirs_come_from_the_command_line_and_from_a_pipe(tmp_path):
    runs = [write_run(tmp_path, name=name).run_dir for name in ("a", "new\nline", "c")]
    assert program("gage-status", *runs).out == "completed\n" * 3
    assert program("gage-status", "-", input=f"{runs[0]}\n{runs[2]}\n").out == "completed\n" * 2
    assert program("gage-status", runs[2], "--stdin", input=runs[0]).out == "completed\n" * 2
    told = program("gage-status", "--stdin", "-z", input="\0".join(runs))
    assert told.out == "completed\0" * 3
    assert program("gage-status", "--stdin", input="") == ("", "", 0)
    assert program("gage-status").code == 2


def test_usage_is_2_and_abbreviations_are_none():
    assert program("gage-status", "--std").code == 2
    assert program("gage-status", "--no-such").code == 2
    assert program("gage-status", "--help").code == 0


def test_an_interrupted_command_says_nothing(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from gage.cli import command\n"
        "@command('gage-x')\n"
        "def main(argv): os.kill(os.getpid(), signal.SIGINT); return 0\n"
        "sys.exit(main([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env={**os.environ, **QUICK}
    )
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize(
    ("name", "code"), [("gage-init", 12), ("gage-complete", 12), ("gage-exec", 125)]
)
def test_help_that_cannot_be_written_is_said_once(name, code):
    # Python that buffers nothing would meet the full disk earlier.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with open("/dev/full", "wb") as full:
        done = subprocess.run([name, "--help"], stdout=full, stderr=subprocess.PIPE, env=env)
    said = f"{name}: No space left on device\n".encode()
    assert (done.returncode, done.stderr) == (code, said)
