import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from gage.errors import LockedError, StateError, TimedOutError
from gage.headroom import AT_END
from gage.identity import our_identity, read_identity
from gage.locks import holding, is_held, take
from gage.output_index import parse_record
from gage.plumbing.exec import exec_run, open_run_output, start_run
from gage.run import Run, has_fact, lock_path, read_fact, run_meta_path
from gage.status import boot_id, exit_note, run_status
from tests.place import SCRIPTS
from tests.staged import staged_run

EXEC = os.path.join(SCRIPTS, "gage-exec")
OUTPUT = os.path.join(SCRIPTS, "gage-output")


@pytest.fixture(autouse=True)
def unsynced(monkeypatch):
    monkeypatch.setenv("GAGE_FSYNC", "none")


def output_of(run: Run) -> bytes:
    with open(run_meta_path(run, "output", "40_run"), "rb") as file:
        return file.read()


def index_of(run: Run) -> list:
    with open(run_meta_path(run, "output", "40_run.index"), "rb") as file:
        return [parse_record(line) for line in file]


def log_of(run: Run) -> str:
    return read_fact(run, "log", "runner") or ""


def gage_exec(run: Run, *options: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([EXEC, *options, run.run_dir], capture_output=True, timeout=60, **more)


def started(run: Run, *options: str, **more) -> subprocess.Popen:
    """gage-exec, when its command has said that it is ready."""
    runner = subprocess.Popen(
        [EXEC, *options, run.run_dir], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )
    assert runner.stdout is not None
    assert runner.stdout.readline().strip() == b"ready"
    return runner


def wait_until(condition) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to be")


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def test_a_run_is_executed_and_its_end_is_noted(tmp_path):
    run = staged_run(tmp_path, [sys.executable, "-c", "print('hi')"])
    assert exec_run(run, echo=False) == 0
    assert output_of(run) == b"hi\n"
    assert exit_note(run) == 0
    assert run_status(run) == "exited"
    assert not is_held(run, "runner")
    assert not is_held(run, "tree")


def test_a_process_is_started_then_awaited(tmp_path):
    run = staged_run(tmp_path, "echo hi; exit 7")
    process = start_run(run)
    assert read_fact(run, "proc", "lock") == str(process.pid)
    with open(run_meta_path(run, "proc", "lock"), "rb") as file:
        assert file.read() == b"%d" % process.pid
    assert process.returncode is None
    assert run_status(run) == "running"
    output = open_run_output(run, process)
    assert process.wait() == 7
    output.wait_and_close()
    assert (process.returncode, process.wait()) == (7, 7)
    assert output_of(run) == b"hi\n"


def test_the_permissions_are_those_of_the_contract(tmp_path):
    run = staged_run(tmp_path, "echo hi")
    mask = os.umask(0o002)
    try:
        exec_run(run, echo=False)
    finally:
        os.umask(mask)
    modes = {
        path: oct(os.stat(run_meta_path(run, path)).st_mode & 0o777)
        for path in ("started", "proc/lock", "output/40_run", "output/40_run.index")
    }
    assert modes == {
        "started": "0o444",
        "proc/lock": "0o444",
        "output/40_run": "0o664",
        "output/40_run.index": "0o664",
    }


def test_output_is_kept_byte_for_byte(tmp_path):
    data = bytes(range(256)) * 5000 + b"no newline at the end"
    path = tmp_path / "data"
    path.write_bytes(data)
    run = staged_run(tmp_path, ["cat", str(path)])
    result = gage_exec(run)
    assert output_of(run) == result.stdout == data
    assert sum(record.length for record in index_of(run)) == len(data)


def test_streams_are_told_apart_in_the_order_of_their_bytes(tmp_path):
    script = "for i in 1 2 3; do echo o$i; sleep 0.03; echo e$i >&2; sleep 0.03; done"
    run = staged_run(tmp_path, script)
    result = gage_exec(run)
    assert result.stdout == b"o1\no2\no3\n"
    assert result.stderr == b"e1\ne2\ne3\n"
    assert output_of(run) == b"o1\ne1\no2\ne2\no3\ne3\n"
    records = index_of(run)
    assert [record.stream for record in records] == ["o", "e"] * 3
    assert [record.time for record in records] == sorted({record.time for record in records})


def test_what_is_written_is_seen_at_once(tmp_path):
    there, here = os.pipe()
    script = f"import os\nfor c in b'abc': os.write(1, bytes([c])); os.read({there}, 1)"
    run = staged_run(tmp_path, [sys.executable, "-c", script])
    runner = subprocess.Popen([EXEC, "-q", run.run_dir], pass_fds=[there])
    follower = subprocess.Popen([OUTPUT, "-f", run.run_dir], stdout=subprocess.PIPE)
    assert follower.stdout is not None
    for expected in (b"a", b"b", b"c"):
        assert os.read(follower.stdout.fileno(), 10) == expected
        os.write(here, b"!")
    assert runner.wait() == 0
    assert follower.stdout.read() == b""
    assert follower.wait() == 0
    follower.stdout.close()
    os.close(here)
    os.close(there)


def test_quiet_keeps_the_output_and_prints_nothing(tmp_path):
    run = staged_run(tmp_path, "echo hi; echo oh >&2")
    result = gage_exec(run, "-q")
    assert (result.stdout, result.stderr, result.returncode) == (b"", b"", 0)
    assert b"hi\n" in output_of(run)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["no-such-program"], 127, "no-such-program: command not found\n"),
        (["./missing"], 127, "./missing: no such file\n"),
        (["./plain.txt"], 126, "./plain.txt: Permission denied\n"),
        (["./dir"], 126, "./dir: Is a directory\n"),
        (["./bad.sh"], 126, "./bad.sh: its interpreter was not found\n"),
        (["./empty.sh"], 126, "./empty.sh: Exec format error\n"),
        (["printf", "a\0b"], 126, "printf: embedded null byte\n"),
    ],
)
def test_a_command_that_cannot_start_ends_as_an_error(tmp_path, args, code, message):
    files = {"plain.txt": "x", "dir/x": "x", "bad.sh": "#!/no/such/shell\n", "empty.sh": "#!"}
    run = staged_run(tmp_path, args, files=files)
    os.chmod(os.path.join(run.run_dir, "empty.sh"), 0o755)
    if args == ["./empty.sh"]:
        path = os.path.join(run.run_dir, "empty.sh")
        with open(path, "w", encoding="utf-8") as file:
            file.write("echo no first line")
        with open(run_meta_path(run, "manifest"), "w", encoding="utf-8"):
            pass
    result = gage_exec(run)
    assert result.returncode == code
    assert result.stderr.decode() == message == output_of(run).decode()
    assert exit_note(run) == code


@pytest.mark.parametrize("args", [["python", "x"], "python x"])
def test_where_only_python3_is_that_is_said_of_python(tmp_path, args):
    folder = tmp_path / "programs"
    folder.mkdir()
    os.symlink("/bin/sh", folder / "python3")
    run = staged_run(tmp_path, args)
    result = gage_exec(run, env={**os.environ, "PATH": str(folder)})
    assert result.returncode == 127
    hint = "python: not on the PATH, but python3 is; write python3 in the command\n"
    assert result.stderr.decode().endswith(f"gage-exec: {run}: {hint}")
    assert b"python3" not in output_of(run)


def test_a_program_is_not_looked_for_in_the_run_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", ":.:" + os.environ["PATH"] + ":")
    run = staged_run(tmp_path, ["tool"], files={"tool": "#!/bin/sh\necho from the run dir\n"})
    assert exec_run(run, echo=False) == 127


def test_a_name_with_a_slash_is_relative_to_the_run_dir(tmp_path):
    run = staged_run(tmp_path, ["./tool"], files={"tool": "#!/bin/sh\necho from the run dir\n"})
    assert exec_run(run, echo=False) == 0
    assert output_of(run) == b"from the run dir\n"


def test_a_program_is_found_on_the_path_that_the_operation_sets(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tool").write_text("#!/bin/sh\necho mine\n")
    (tools / "tool").chmod(0o755)
    run = staged_run(tmp_path, ["tool"], env={"PATH": f"{tools}:/usr/bin:/bin"})
    assert exec_run(run, echo=False) == 0
    assert output_of(run) == b"mine\n"


def test_a_script_runs_under_its_own_program(tmp_path):
    script = f"#!{sys.executable}\nimport sys\nprint(1 + 1)\nsys.exit(4)\n"
    run = staged_run(tmp_path, script)
    assert exec_run(run, echo=False) == 4
    assert output_of(run) == b"2\n"
    assert sorted(os.listdir(os.path.dirname(lock_path(run, "x")))) == [
        "exit.note",
        *(f"headroom.{number}" for number in range(AT_END)),
        "identity",
        "runner",
        "tree",
    ]


def test_the_runs_own_variables_win(tmp_path, monkeypatch):
    for name in ("RUN_ID", "RUN_DIR", "PROJECT_DIR", "FLAG_STALE", "FLAG_LR", "A", "B"):
        monkeypatch.setenv(name, "the caller's")
    run = staged_run(
        tmp_path,
        "echo $RUN_ID; echo $RUN_DIR; echo ${PROJECT_DIR-none} ${FLAG_STALE-none}; "
        "echo $FLAG_LR; echo $A; echo $B; pwd; echo $PWD",
        env={"A": "the operation's"},
        config={"lr": 0.5},
    )
    exec_run(run, echo=False)
    assert output_of(run).decode().split("\n") == [
        run.id,
        run.run_dir,
        "none none",
        "0.5",
        "the operation's",
        "the caller's",
        run.run_dir,
        run.run_dir,
        "",
    ]
    with open(run_meta_path(run, "proc", "env.json"), encoding="utf-8") as file:
        assert "caller" not in file.read()


def test_a_relative_run_dir_is_absolute_for_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = staged_run("runs", "echo $RUN_DIR")
    exec_run(run, echo=False)
    assert output_of(run).decode() == os.path.join(os.getcwd(), "runs/one") + "\n"


def test_a_run_within_a_run_is_a_run_of_its_own(tmp_path):
    inner = staged_run(tmp_path, "echo inner $RUN_ID", name="inner")
    outer = staged_run(tmp_path, [EXEC, inner.run_dir], name="outer")
    assert gage_exec(outer).returncode == 0
    assert output_of(inner).decode() == f"inner {inner.id}\n" == output_of(outer).decode()
    assert exit_note(inner) == exit_note(outer) == 0


def test_the_command_has_an_empty_input_and_usual_signals(tmp_path):
    script = "import signal; print(open(0).read() == '', signal.pthread_sigmask(0, ()), [s.name "
    script += "for s in signal.valid_signals() if signal.getsignal(s) == signal.SIG_IGN])"
    run = staged_run(tmp_path, [sys.executable, "-c", script])
    result = gage_exec(run, input=b"this is not for the command")
    # Python itself ignores these two.
    assert result.stdout == b"True set() ['SIGPIPE', 'SIGXFSZ']\n"
    run = staged_run(tmp_path, ["sh", "-c", "grep SigIgn /proc/self/status"], name="two")
    ignored = int(gage_exec(run).stdout.split()[1], 16)
    # The C library keeps 32 and 33 for itself, and lets nobody change them.
    assert ignored & ~(0b11 << 31) == 0


def test_a_run_that_is_not_staged_is_not_started(tmp_path):
    run = staged_run(tmp_path, ["true"])
    os.unlink(run_meta_path(run, "staged"))
    result = gage_exec(run)
    assert result.returncode == 125
    assert result.stderr.decode() == (f"gage-exec: {run}: not staged yet\nhint: gage-stage {run}\n")
    assert not has_fact(run, "started")


def test_a_run_is_started_once(tmp_path):
    run = staged_run(tmp_path, ["true"])
    assert gage_exec(run).returncode == 0
    result = gage_exec(run)
    assert result.returncode == 125
    assert "already run, and not finalized yet" in result.stderr.decode()


def test_a_missing_run_is_a_trouble_of_the_runner(tmp_path):
    result = subprocess.run([EXEC, str(tmp_path / "none")], capture_output=True)
    assert result.returncode == 125
    assert b"no run here" in result.stderr
    assert subprocess.run([EXEC, "--no-such"], capture_output=True).returncode == 125
    assert subprocess.run([EXEC, "--timeout", "x", "y"], capture_output=True).returncode == 125


@pytest.mark.parametrize("change", ["edit", "remove", "link"])
def test_a_run_whose_source_was_changed_is_not_started(tmp_path, change):
    run = staged_run(tmp_path, ["true"], files={"train.py": "lr = 1\n"})
    path = os.path.join(run.run_dir, "train.py")
    os.unlink(path)
    if change == "edit":
        (tmp_path / "one" / "train.py").write_text("lr = 2\n")
    elif change == "link":
        (tmp_path / "same").write_text("lr = 1\n")
        os.symlink(tmp_path / "same", path)
    with pytest.raises(StateError, match=re.escape(f"{path}: not as it was staged")):
        exec_run(run, echo=False)
    assert run_status(run) == "staged"
    assert not is_held(run, "runner")


def test_of_two_that_start_a_run_one_wins(tmp_path):
    run = staged_run(tmp_path, "echo once; sleep 0.2")
    runners = [
        subprocess.Popen([EXEC, "-q", run.run_dir], stderr=subprocess.PIPE) for _ in range(4)
    ]
    troubles = [runner.communicate()[1].decode() for runner in runners]
    assert [runner.returncode for runner in runners].count(0) == 1
    assert output_of(run) == b"once\n"
    said = {0: "", 11: "another process holds the run|still running", 125: "already"}
    for runner, trouble in zip(runners, troubles, strict=True):
        assert re.search(said[runner.returncode], trouble)


def test_a_run_that_is_running_is_held_by_another(tmp_path):
    run = staged_run(tmp_path, "echo ready; exec sleep 60")
    runner = started(run)
    result = gage_exec(run)
    runner.terminate()
    runner.communicate()
    assert result.returncode == 11
    assert b"hint: gage-status --wait" in result.stderr


def test_a_run_that_another_holds_is_not_started(tmp_path):
    run = staged_run(tmp_path, ["true"])
    with holding(run), pytest.raises(LockedError):
        exec_run(run)
    tree = take(run, "tree")
    with pytest.raises(LockedError):
        exec_run(run)
    os.close(tree)
    assert run_status(run) == "staged"
    assert exec_run(run) == 0


def test_a_killed_runner_takes_its_command_along_and_loses_nothing(tmp_path):
    run = staged_run(tmp_path, "echo ready; printf half; exec sleep 60")
    runner = started(run)
    wait_until(lambda: output_of(run) == b"ready\nhalf")
    pid = int(read_fact(run, "proc", "lock") or 0)
    assert run_status(run) == "running"
    runner.kill()
    runner.communicate()
    wait_until(lambda: not is_alive(pid))
    assert output_of(run) == b"ready\nhalf"
    assert run_status(run) == "terminated"


def test_the_lock_tells_that_something_of_a_killed_runner_still_lives(tmp_path):
    run = staged_run(tmp_path, "sleep 60 & echo ready; wait")
    runner = started(run)
    runner.kill()
    runner.communicate()
    assert is_held(run, "tree")
    assert not is_held(run, "runner")
    with open(f"/proc/{read_fact(run, 'proc', 'lock')}/cmdline", "rb") as file:
        assert file.read() in (b"", b"/bin/sh\0-c\0sleep 60 & echo ready; wait\0")
    os.killpg(int(read_fact(run, "proc", "lock") or 0), signal.SIGKILL)
    wait_until(lambda: not is_held(run, "tree"))


def test_what_the_command_left_in_its_pipe_is_read(tmp_path):
    script = "import os; os.write(1, b'x' * 1000000); os._exit(0)"
    run = staged_run(tmp_path, [sys.executable, "-c", script])
    assert exec_run(run, echo=False, linger=0) == 0
    assert output_of(run) == b"x" * 1000000


@pytest.mark.parametrize("reaper", [True, False])
def test_a_background_child_is_waited_for_while_it_may_linger(tmp_path, reaper):
    run = staged_run(tmp_path, "(sleep 0.2; echo late) & echo main")
    code = [
        "import sys; from gage.plumbing.exec import exec_run; from gage.run import open_run",
        f"sys.exit(exec_run(open_run({run.run_dir!r}, sync='none'), reaper={reaper}))",
    ]
    result = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True)
    assert (result.returncode, result.stdout) == (0, b"main\nlate\n")
    assert "left behind" not in log_of(run)


def test_a_background_child_that_holds_the_pipe_is_named_and_ended(tmp_path):
    run = staged_run(tmp_path, "sleep 61 & echo $!")
    result = gage_exec(run, "--linger", "0.1")
    pid = int(result.stdout)
    assert result.returncode == 0
    assert f"ended what the command left behind: {pid} sleep 61" in log_of(run)
    assert not is_alive(pid)


@pytest.mark.parametrize("reaper", [True, False])
def test_a_daemon_that_left_group_session_and_lock_is_ended(tmp_path, reaper):
    daemon = "import subprocess as s; p = s.Popen(['sleep', '62'], start_new_session=True, "
    daemon += "stdin=s.DEVNULL, stdout=s.DEVNULL, stderr=s.DEVNULL); print(p.pid)"
    run = staged_run(tmp_path, [sys.executable, "-c", daemon])
    code = [
        "import sys; from gage.plumbing.exec import exec_run; from gage.run import open_run",
        f"run = open_run({run.run_dir!r}, sync='none')",
        f"sys.exit(exec_run(run, linger=0.1, reaper={reaper}))",
    ]
    result = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True)
    assert result.returncode == 0
    pid = int(result.stdout)
    assert f"left behind: {pid} sleep 62" in log_of(run)
    assert not is_alive(pid)


def test_what_ignores_a_sigterm_is_killed(tmp_path):
    run = staged_run(tmp_path, "(trap '' TERM; while :; do sleep 0.1; done) & echo $!")
    result = gage_exec(run, "--linger", "0")
    assert result.returncode == 0
    assert not is_alive(int(result.stdout))


def test_a_child_of_the_host_is_not_taken_from_it(tmp_path):
    run = staged_run(tmp_path, ["true"])
    child = subprocess.Popen(["sh", "-c", "exit 5"])
    assert exec_run(run, echo=False) == 0
    assert child.wait() == 5


def test_a_child_that_the_runner_had_before_is_left_alone(tmp_path):
    run = staged_run(tmp_path, ["true"])
    script = 'sleep 63 >/dev/null & echo $!; exec "$0" "$1"'
    with subprocess.Popen(
        ["sh", "-c", script, EXEC, run.run_dir], stdout=subprocess.PIPE
    ) as runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        assert runner.wait() == 0
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def waits_for(name):
    """A program that says each signal that it gets, until half a second after the first."""
    return (
        "import os, signal, time\n"
        "got = []\n"
        "def get(*_):\n"
        "    got.append(os.write(1, b'got\\n'))\n"
        f"signal.signal(signal.{name}, get)\n"
        "print('ready', flush=True)\n"
        "until = time.monotonic() + 20\n"
        "while not got and time.monotonic() < until:\n"
        "    time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_signal_reaches_the_command_once(tmp_path, name):
    script = waits_for(name) + "signal.raise_signal(signal.SIGKILL)\n"
    run = staged_run(tmp_path, [sys.executable, "-c", script])
    runner = started(run)
    runner.send_signal(getattr(signal, name))
    assert runner.communicate()[0] == b"got\n"
    assert runner.returncode == 137
    assert exit_note(run) == -signal.SIGKILL


def test_a_command_that_dies_of_a_signal_says_so(tmp_path):
    run = staged_run(tmp_path, "echo ready; exec sleep 60")
    runner = started(run)
    runner.send_signal(signal.SIGINT)
    runner.communicate()
    assert runner.returncode == 130
    assert exit_note(run) == -signal.SIGINT
    assert run_status(run) == "exited"


@pytest.mark.parametrize("gone", ["output", "output/40_run", "output/40_run.index"])
def test_output_that_the_command_removes_is_written_anew_and_that_is_said(tmp_path, gone):
    script = f'echo before; rm -r "$RUN_DIR.meta/{gone}"; echo after; sleep 0.1; echo more'
    run = staged_run(tmp_path, script)
    told = subprocess.run(["gage-exec", run.run_dir], capture_output=True, text=True)
    said = "the output was removed while it was kept, and is written anew"
    assert (told.stdout, told.returncode) == ("before\nafter\nmore\n", 0)
    assert told.stderr == f"gage-exec: {run}: {said}\n"
    assert said in log_of(run)
    assert subprocess.run(["gage-finalize", run.run_dir]).returncode == 0
    assert subprocess.run(["gage-fsck", run.run_dir]).returncode == 0
    assert read_fact(run, "output", "40_run") == "before\nafter\nmore"


AGAIN = """\
import os, time
end = time.monotonic() + 30
os.closerange(3, 99)
for fd in range(3):
    os.dup2(os.open("/dev/null", os.O_RDWR), fd)
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    time.sleep(0.001)
"""

COMET = """\
import os, sys, time
if os.fork():
    time.sleep(0.1)
    os._exit(0)
os.setsid()
os.execve(sys.executable, [sys.executable, "-c", sys.argv[1]], {})
"""


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_what_starts_itself_again_and_again_is_ended(tmp_path):
    run = staged_run(tmp_path, [sys.executable, "-c", COMET, f"{AGAIN}# {tmp_path}"])
    assert subprocess.run(["gage-exec", run.run_dir]).returncode == 0
    # As often as not it is seen in time to be called by its name.
    assert "ended what the command left behind: " in log_of(run)
    assert "lives on" not in log_of(run)
    lives = [pid for pid in os.listdir("/proc") if pid.isdecimal()]
    assert not [pid for pid in lives if f"# {tmp_path}".encode() in command_line(pid)]


def test_a_process_of_another_environment_tells_no_secret(tmp_path):
    run = staged_run(
        tmp_path,
        "env -i setsid sleep 6$FLAG_TOKEN & sleep 0.2",
        opdef={"flags": {"token": {"secret": True}}},
        config={"token": "***"},
    )
    environ = os.environ | {"FLAG_TOKEN": "3"}
    assert subprocess.run(["gage-exec", "-q", run.run_dir], env=environ).returncode == 0
    assert re.search(r"ended what the command left behind: \d+ sleep 6\*\*\*\n", log_of(run))


IGNORING = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "


def test_who_starts_us_may_ignore_how_children_end(tmp_path):
    run = staged_run(tmp_path, ["sh", "-c", "exit 7"])
    start = IGNORING + "os.execvp('gage-exec', ['gage-exec', sys.argv[1]])"
    told = subprocess.run([sys.executable, "-c", start, run.run_dir], capture_output=True)
    assert (told.returncode, told.stderr) == (7, b"")
    assert exit_note(run) == 7


def test_a_program_that_ignores_how_its_children_end_is_told_it(tmp_path):
    run = staged_run(tmp_path, ["sh", "-c", "exit 7"])
    start = IGNORING + (
        "import time, gage.plumbing.exec as verb; listen = verb._passing_on; "
        # The command is over before we listen to signals.
        "verb._passing_on = lambda *args: time.sleep(0.3) or listen(*args); "
        "from gage.plumbing import exec_run, open_run; code = exec_run(open_run(sys.argv[1])); "
        "assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN; sys.exit(code)"
    )
    told = subprocess.run([sys.executable, "-c", start, run.run_dir], capture_output=True)
    assert (told.returncode, told.stderr) == (7, b"")


def test_who_starts_a_run_is_told_that_nobody_would_hear_of_its_end(tmp_path):
    run = staged_run(tmp_path, ["sh", "-c", "exit 7"])
    start = (
        IGNORING + "from gage.plumbing import open_run, start_run; start_run(open_run(sys.argv[1]))"
    )
    told = subprocess.run([sys.executable, "-c", start, run.run_dir], capture_output=True)
    assert b"SIGCHLD is ignored here" in told.stderr
    assert run_status(run) == "staged"


def test_three_signals_kill(tmp_path):
    run = staged_run(tmp_path, "trap '' INT TERM; echo ready; while :; do sleep 0.05; done")
    runner = started(run)
    for _ in range(3):
        time.sleep(0.1)
        assert runner.poll() is None
        runner.send_signal(signal.SIGINT)
    runner.communicate()
    assert runner.returncode == 137


def test_ctrl_c_reaches_the_command_once(tmp_path):
    run = staged_run(tmp_path, [sys.executable, "-c", waits_for("SIGINT")])
    screen = Screen([EXEC, run.run_dir])
    screen.expect(b"ready")
    screen.type(b"\x03")
    assert screen.close() == 0
    assert screen.seen.count(b"got") == 1


def test_nohup_holds_for_the_command_too(tmp_path):
    run = staged_run(tmp_path, "echo ready; kill -HUP $PPID; kill -HUP $$; echo alive")
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        result = gage_exec(run)
    finally:
        signal.signal(signal.SIGHUP, hangup)
    assert result.stdout == b"ready\nalive\n"
    assert result.returncode == 0


def test_a_stopped_runner_stops_its_command(tmp_path):
    # Not a loop of a shell: stopped between vfork(2) and exec(2) of its child it is in state D.
    run = staged_run(tmp_path, "echo ready; exec sleep 60")
    runner = started(run)
    pid = int(read_fact(run, "proc", "lock") or 0)

    def state(of):
        with open(f"/proc/{of}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0]

    runner.send_signal(signal.SIGTSTP)
    wait_until(lambda: state(runner.pid) == b"T" and state(pid) == b"T")
    assert run_status(run) == "running"
    runner.send_signal(signal.SIGCONT)
    wait_until(lambda: state(runner.pid) != b"T" and state(pid) != b"T")
    runner.send_signal(signal.SIGTERM)
    runner.communicate()
    assert runner.returncode == 143


def test_a_command_is_ended_when_its_time_is_over(tmp_path):
    run = staged_run(tmp_path, "echo begun; exec sleep 60")
    result = gage_exec(run, "--timeout", "0.3")
    assert result.returncode == 124
    assert result.stderr.decode() == (f"gage-exec: {run}: ended after 0.3 s: its time was over\n")
    assert exit_note(run) == -signal.SIGTERM
    assert "its time was over" in log_of(run)
    run = staged_run(tmp_path, "exec sleep 60", name="two")
    with pytest.raises(TimedOutError):
        exec_run(run, timeout=0.1)


def test_a_command_in_time_is_not_ended(tmp_path):
    assert gage_exec(staged_run(tmp_path, ["true"]), "--timeout", "50").returncode == 0


def test_a_reader_that_goes_away_ends_the_echo_and_not_the_run(tmp_path):
    run = staged_run(tmp_path, "seq 200000; echo end")
    with subprocess.Popen([EXEC, run.run_dir], stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        runner.stdout.read(10)
        runner.stdout.close()
        assert runner.wait() == 0
    assert output_of(run).endswith(b"200000\nend\n")


def test_a_full_standard_output_is_said_and_keeps_the_run(tmp_path):
    run = staged_run(tmp_path, "echo hi; exit 3")
    with open("/dev/full", "wb") as full:
        result = subprocess.run([EXEC, run.run_dir], stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 3
    assert b"could not be passed on: No space left on device" in result.stderr
    assert output_of(run) == b"hi\n"


def test_closed_standard_streams_do_no_harm(tmp_path):
    run = staged_run(tmp_path, "echo hi; echo oh >&2; exit 3")
    result = subprocess.run(["sh", "-c", '"$0" "$1" <&- >&- 2>&-', EXEC, run.run_dir])
    assert result.returncode == 3
    assert sorted(output_of(run)) == sorted(b"hi\noh\n")


def test_a_full_disk_loses_output_and_nothing_else(tmp_path):
    run = staged_run(tmp_path, "head -c 300000 /dev/zero; echo end; exit 6")
    limited = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100000,)*2)\n"
    limited += "os.execv(sys.argv[1], sys.argv[1:])"
    result = subprocess.run(
        [sys.executable, "-c", limited, EXEC, run.run_dir], capture_output=True, timeout=60
    )
    assert result.returncode == 6
    assert len(result.stdout) == 300004
    assert len(output_of(run)) == 100000
    assert b"200004 bytes of output are lost: File too large" in result.stderr
    assert "200004 bytes of output are lost" in log_of(run)
    records = index_of(run)
    assert sum(record.length for record in records if record.stream == "o") == 100000
    assert (records[-1].stream, records[-1].length) == ("x", 200004)
    assert exit_note(run) == 6


def test_a_slow_reader_does_not_stop_the_clock(tmp_path):
    run = staged_run(tmp_path, "yes")
    with subprocess.Popen(
        [EXEC, "--timeout", "0.5", run.run_dir], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as runner:
        assert runner.stdout is not None
        wait_until(lambda: not is_alive(int(read_fact(run, "proc", "lock") or os.getpid())))
        while runner.stdout.read(1 << 20):
            pass
        assert runner.wait() == 124


def test_a_command_may_close_its_output_and_go_on(tmp_path):
    run = staged_run(tmp_path, "echo hi; exec >&- 2>&-; sleep 0.2; exit 9")
    assert exec_run(run, echo=False) == 9
    assert output_of(run) == b"hi\n"


def test_a_command_that_removes_its_run_dir_is_recorded(tmp_path):
    run = staged_run(tmp_path, 'rm -rf "$RUN_DIR"; echo gone')
    assert exec_run(run, echo=False) == 0
    assert output_of(run) == b"gone\n"


def test_a_command_that_removes_the_facts_of_its_run_keeps_its_code(tmp_path):
    run = staged_run(tmp_path, 'rm -rf "$RUN_DIR".meta "$RUN_DIR"/../.locks; echo gone; exit 5')
    result = gage_exec(run)
    assert (result.returncode, result.stdout) == (5, b"gone\n")
    assert "the end, 5, could not be noted: No such file or directory" in result.stderr.decode()
    assert not os.path.exists(run.meta_dir)


def test_the_runner_is_told_from_any_other_process(tmp_path):
    run = staged_run(tmp_path, ["true"])
    exec_run(run, echo=False)
    assert read_identity(run) == our_identity()


def test_the_note_of_an_earlier_attempt_is_gone_while_a_run_runs(tmp_path):
    run = staged_run(tmp_path, ["sleep", "60"])
    os.makedirs(os.path.dirname(lock_path(run, "x")))
    with open(lock_path(run, "exit.note"), "w", encoding="ascii") as file:
        file.write(f"0 {boot_id()}")
    assert exit_note(run) == 0
    process = start_run(run)
    assert exit_note(run) is None
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_memory_is_bounded_whatever_the_output(tmp_path):
    idle = staged_run(tmp_path, ["true"], name="idle")
    loud = staged_run(tmp_path, "head -c 100000000 /dev/zero", name="loud")
    peaks = []
    for run in (idle, loud):
        runner = subprocess.Popen([EXEC, run.run_dir], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(runner.pid, 0)
        runner.returncode = os.waitstatus_to_exitcode(status)
        assert runner.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] - peaks[0] < 30_000


class Screen:
    """A program on a terminal of its own, as a person would see it."""

    def __init__(self, argv, rows=33, columns=77):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], argv)
        termios.tcsetwinsize(self.fd, (rows, columns))

    def expect(self, text):
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], 20)
            assert ready, f"never saw {text!r}, only {self.seen!r}"
            self.seen += os.read(self.fd, 4096)

    def type(self, keys):
        os.write(self.fd, keys)

    def close(self):
        try:
            while data := os.read(self.fd, 4096):
                self.seen += data
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_command_gets_a_terminal_of_its_own(tmp_path):
    script = "import os, sys; print(*map(os.isatty, (0, 1, 2)), os.get_terminal_size(1).columns)"
    script += "; print(os.ttyname(1) == os.ttyname(2), sys.stdin.read() == '')"
    script += "; os.close(os.open('/dev/tty', os.O_RDWR))"
    run = staged_run(tmp_path, [sys.executable, "-c", script])
    result = gage_exec(run, "--pty", stdin=subprocess.DEVNULL)
    assert result.stdout == b"False True True 80\r\nTrue True\r\n" == output_of(run)
    assert {record.stream for record in index_of(run)} == {"o"}


def test_a_terminal_has_our_size_and_follows_it(tmp_path):
    script = (
        "import os, signal, time\n"
        "def show(*_): os.write(1, b'size %d %d\\n' % os.get_terminal_size(1))\n"
        "signal.signal(signal.SIGWINCH, show)\n"
        "input('ready ')\n"
        "show()\n"
        "while os.get_terminal_size(1).columns != 20: time.sleep(0.01)\n"
    )
    run = staged_run(tmp_path, [sys.executable, "-c", script])
    screen = Screen([EXEC, "--pty", run.run_dir])
    screen.expect(b"ready")
    screen.type(b"\r")
    screen.expect(b"size 77 33")
    termios.tcsetwinsize(screen.fd, (10, 20))
    screen.expect(b"size 20 10")
    assert screen.close() == 0


def test_keys_are_passed_on_and_the_terminal_is_put_back(tmp_path):
    asks = "import time; print('got', input(), 'now', flush=True); time.sleep(60)"
    run = staged_run(tmp_path, [sys.executable, "-c", asks])
    script = 'stty -a | grep -o -- \'-\\?icanon\'; "$0" --pty "$1"; echo code $?; stty -a | '
    script += "grep -o -- '-\\?icanon'"
    screen = Screen(["/bin/sh", "-c", script, EXEC, run.run_dir])
    wait_until(lambda: has_fact(run, "proc", "lock"))
    screen.type(b"hello\r")
    screen.expect(b"got hello now\r\n")
    screen.type(b"\x03")
    screen.expect(b"code 130")
    assert screen.close() == 0
    assert screen.seen.count(b"icanon") == 2
    assert b"-icanon" not in screen.seen
    assert exit_note(run) == -signal.SIGINT
