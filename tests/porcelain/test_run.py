import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from gage.listing import read_rows
from gage.manifest import read_manifest
from gage.run import open_run, read_fact, run_meta_path, run_names
from gage.said import read_said
from gage.status import run_status
from tests.place import copy_project
from tests.porcelain.place import gage, gage_on_terminal
from tests.programs import QUICK, is_alive, program, read, tree, wait_until, write

ID = re.compile("[0-9a-f]{32}")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The project of the manual, that we are in."""
    monkeypatch.setenv("GAGE_FSYNC", "none")
    copy_project("train", str(tmp_path / "project"))
    monkeypatch.chdir(tmp_path / "project")
    return str(tmp_path / "project")


def define(**operation):
    write("gage.json", json.dumps({"op": {"exec": "true", **operation}}))
    if os.path.exists("gage.yaml"):
        os.unlink("gage.yaml")


def run(*words, **more):
    return gage("run", *words, cwd=".", **more)


def runs(home=".gage/runs"):
    """The runs, the oldest first."""
    return [row.run for row in reversed(read_rows(home))]


def the_run(home=".gage/runs"):
    (only,) = runs(home)
    return only


# The whole way


def test_a_run_goes_all_the_way(place):
    assert run("train", "lr=0.2") == ("loss: 0.0467\n", "", 0)
    made = the_run()
    assert ID.fullmatch(made.name)
    assert run_status(made) == "completed"
    assert read(f"{made}/train.py").count("lr = 0.2") == 1
    assert {e.path for e in read_manifest(made)} == {"train.py", "gage.yaml"}
    assert read(".gage/runs/.gitignore") == "*\n"
    assert os.listdir(".gage/runs/.tmp") == []
    assert read("train.py").count("lr = 0.1") == 1


def test_without_a_name_the_default_is_run(place):
    assert run().code == 0
    assert str(the_run().opref) == "train"


@pytest.mark.parametrize(
    ("command", "code", "status"),
    [
        ("exit 7", 7, "error"),
        ("exit 255", 255, "error"),
        ("kill -9 $$", 137, "terminated"),
        ("kill -TERM $$", 143, "terminated"),
        (["no-such-program"], 127, "error"),
        (["./gage.json"], 126, "error"),
    ],
)
def test_the_exit_code_is_that_of_the_command(place, command, code, status):
    define(exec=command)
    assert run().code == code
    assert run_status(the_run()) == status


def test_output_passes_through_byte_for_byte(place):
    define(exec=r"printf 'a\377\0b'; printf err >&2")
    done = subprocess.run(["gage", "run"], capture_output=True)
    assert (done.stdout, done.stderr, done.returncode) == (b"a\xff\0b", b"err", 0)


def test_quiet_keeps_the_output_to_the_run(place):
    assert run("-q") == ("", "", 0)
    assert read(run_meta_path(the_run(), "output", "40_run")).startswith("loss:")


@pytest.mark.parametrize(
    "words",
    [
        ["--no-such"],
        ["nothing"],
        ["train", "eval"],
        ["rate=1"],
        ["lr=high"],
        ["--start", "1", "lr=2"],
        ["--start", "nothing"],
        ["-C", "/nowhere"],
        ["-l", "two\nlines"],
        ["-t", "two words"],
        ["--run-dir", "x/.."],
        ["--run-dir", "taken"],
    ],
)
def test_every_trouble_of_gage_is_125_and_leaves_nothing(place, words):
    write("taken", "")
    told = run(*words)
    assert (told.out, told.code) == ("", 125)
    assert told.err.startswith("gage run: ")
    assert "Traceback" not in told.err
    assert run_names(".gage/runs") == []
    assert not os.path.exists("taken.meta")


def test_a_run_in_git_may_be_started_by_who_ignores_how_children_end(place):
    program("git", "init", "-q")
    script = "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    script += "os.execvp('gage', ['gage', 'run', '-y'])"
    told = program("python3", "-c", script)
    assert (told.out[:6], told.err, told.code) == ("loss: ", "", 0)
    assert run_status(the_run()) == "completed"


@pytest.mark.parametrize(
    "option",
    ["--stage", "--preview", "--print", "--force-flags", "-lx", "-tx", "--run-dir=x", "--batch=x"],
)
def test_what_is_for_a_new_run_alone_does_not_go_with_one_that_is_there(place, option):
    made = run("--stage").out.strip()
    for mode in ("--start", "--restart"):
        told = run(mode, made, option)
        assert (told.out, told.code) == ("", 125)
    assert run("--start", made, "--needed").code == 125
    assert program("gage-status", f".gage/runs/{made}").out == "staged\n"


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"depends": [{"files": "none.csv"}]}, "none.csv: no such file"),
        ({"depends": [{"run": "op"}]}, "there is none"),
        ({"sourcecode": ["**"]}, "pipe: a FIFO cannot be copied"),
    ],
)
def test_a_run_that_cannot_be_staged_leaves_nothing(place, definition, said):
    define(**definition)
    os.mkfifo("pipe") if "FIFO" in said else None
    told = run("-l", "label")
    assert told.code == 125
    assert said in told.err
    kept = {path for path in tree(".gage/runs") if not path.startswith((".tmp", ".locks"))}
    assert kept <= {".gitignore", ".trash"}
    assert os.listdir(".gage/runs/.locks") == []


def test_a_failing_hook_leaves_a_run_that_tells_why(place):
    define(exec={"run": "true", "stage-runtime": "echo because; exit 3"})
    told = run()
    assert told.code == 125
    made = the_run()
    assert "the hook stage-runtime failed with exit code 3" in told.err
    assert f"gage-output --phase 20_runtime {place}/{made}" in told.err
    assert run_status(made) == "pending"
    assert program("gage-output", "--phase", "runtime", made.run_dir).out == "because\n"


def test_a_failing_finalize_hook_is_said_and_the_code_is_the_commands(place):
    define(exec={"run": "exit 3", "finalize": "exit 4"})
    told = run()
    assert told.code == 3
    assert "the hook finalize failed with exit code 4" in told.err
    assert run_status(the_run()) == "error"


def test_what_was_left_out_is_said(place):
    write("model.bin", "\0")
    assert "left out model.bin: binary" in run().err
    assert run("-q").err == ""


@pytest.mark.parametrize(
    ("removed", "status"),
    [("$RUN_DIR", "completed"), ("$RUN_DIR.meta", None), ("$(dirname $RUN_DIR)", None)],
)
def test_a_command_that_removes_its_run_ends_in_few_words(place, removed, status):
    # Not while the runner still notes the start: rm(1) would leave the directory it writes to.
    define(exec=f"cd /; sleep 0.3; rm -rf {removed}")
    told = run()
    assert told.code == (0 if status else 125)
    assert told.err.count("\n") <= 2
    assert "Traceback" not in told.err
    assert [run_status(made) for made in runs()] == ([status] if status else [])


# The same as plumbing


OP = {
    "exec": {
        "run": "cat conf/a.yaml in/words; echo made > made; mkdir d; touch d/x; chmod +x d/x",
        "stage-sourcecode": "echo hook",
        "stage-runtime": "echo r > runtime",
        "stage-dependencies": "true",
        "finalize": "echo '{\"n\": 1}' > summary.json",
    },
    "config": ["train.py", "conf/*.yaml"],
    "flags": {"out": "model.bin", "flag": True},
    "env": {"OUT": "${out}"},
    "depends": [{"files": "words", "as": "in/words"}, {"run": "first", "as": "first/"}],
    "metrics": {"k": "k: (.)"},
    "label": "mine",
    "tags": ["own"],
}


def told_of(made, project):
    """All that a run's meta dir holds, but for what two runs cannot have alike."""
    found = tree(f"{made}.meta")
    times = ("initialized", "staged", "started", "stopped")
    for path, (mode, text) in found.items():
        if path in times or path.endswith(".index"):
            text = re.sub(r"\d{15,}", "TIME", text)
            # How much is read at once is a matter of luck.
            lengths = [int(line.split(" ")[2]) for line in text.splitlines()] if " " in text else []
            text = str(sum(lengths)) if path.endswith(".index") else text
        elif path == "log/runner":
            text = re.sub(r"\d{4}-\S+Z", "TIME", re.sub(r"process \d+", "process N", text))
        elif path == "log/files":
            # The mtime of what was copied is that of the original.
            text = re.sub(r"^([am] [^s]) \d+", r"\1 TIME", text, flags=re.M)
            text = re.sub(r"^m s \d+", "m s TIME", text, flags=re.M)
        found[path] = mode, text.replace(made.id, "ID").replace(made.name, "ID")
    return found, tree(made.run_dir), read_said(made.home, made.name)._replace(comments=())


@pytest.mark.parametrize(
    ("words", "code", "umask"),
    [
        (["op", "k=2", "conf/a.yaml#k=3", "out=a b", "flag=no"], 0, 0o077),
        (
            ["-l", "it's $HOME", "-t", "a", "-t", "b", "--force-flags", "other='x y'", "op"],
            0,
            0o022,
        ),
        (["train.py", "lr=0.5"], 0, 0o002),
        (["fail", "n=\\n$(exit 1)`"], 3, 0o022),
    ],
)
def test_what_print_prints_does_the_same(place, umask, words, code):
    os.umask(umask)
    os.unlink("gage.yaml")
    write("conf/a.yaml", "k: 1 # one\n")
    write("train.py", "k = 1\nlr = 0.1\nprint(f'lr={lr}')\n")
    write("words", "w\n")
    fail = {"exec": "echo $FLAG_N; exit 3", "flags": {"n": ""}}
    write("gage.json", json.dumps({"op": OP, "first": {"exec": "echo 1 > one"}, "fail": fail}))
    assert run("first", "--run-dir", "../runs/first").code == 0
    words = [*words, *(["train.py#k=2"] if "k=2" in words else [])]
    words = [word for word in words if word != "k=2"]
    home = ("--runs", "../runs")
    script = run(*home, "--print", *words)
    assert (script.err, script.code) == ("", 0)
    write("../script.sh", script.out)
    assert len(runs("../runs")) == 1
    with open("../script.sh", "rb") as file:
        by_hand = subprocess.run(["sh"], stdin=file, cwd="/", capture_output=True)
    told = run(*home, *words)
    assert by_hand.returncode == told.code == code, by_hand.stderr
    assert os.fsdecode(by_hand.stdout) == told.out
    _, one, two = runs("../runs")
    assert {one.opref, two.opref} == {one.opref}
    first, second = told_of(one, place), told_of(two, place)
    assert first[0].keys() == second[0].keys()
    for path in first[0]:
        assert first[0][path] == second[0][path], path
    assert first[1:] == second[1:]


def test_print_with_stage_stops_there(place):
    script = run("--print", "--stage", "lr=0.3").out
    told = program("sh", "-c", script)
    assert told.code == 0
    made = the_run()
    assert told.out == f"{place}/{made}\n"
    assert run_status(made) == "staged"


def test_print_has_the_options_that_the_run_would_have(place):
    define(exec="echo said")
    script = run("--print", "-q", "-j", "3", "--trust").out
    assert 'gage-stage -q "$run"' in script
    assert 'GAGE_STEPS=--jobs=3 gage-exec -q "$run"' in script
    assert " --trust " in script
    assert program("sh", "-c", script) == ("", "", 0)
    batch = run("--print", "-n", "x=[1,2]", "--force-flags").out
    assert 'GAGE_STEPS=--needed gage-exec "$run"' in batch
    told = run("--print", "-n")
    assert (told.out, told.code) == ("", 125)


def test_what_is_not_needed_is_not_staged_either(place):
    define(exec="echo said")
    assert run().code == 0
    told = run("--stage", "--needed")
    assert (told.out, told.code, "not needed" in told.err) == ("", 0, True)
    assert len(run_names(".gage/runs")) == 1
    for options in (["-j3"], ["-n", "x=[1,2]", "--force-flags"]):
        told = run("--stage", *options)
        assert (told.out, told.code, "gage run --start" in told.err) == ("", 125, True)


def test_print_keeps_odd_names_whole(place):
    script = run("--print", "--run-dir", "../odd \\name '$x", "lr=0.3").out
    assert program("sh", "-c", script, cwd="/").code == 0
    assert run_names("..") == ["odd \\name '$x"]


# Before it runs


def test_preview_shows_and_writes_nothing(place):
    before = tree(place)
    told = run("--preview", "lr=0.3")
    assert (told.err, told.code) == ("", 0)
    assert "* lr      0.3\n" in told.out
    assert "   epochs  3\n" in told.out
    assert "command: python train.py\n" in told.out
    assert "   train.py\n" in told.out
    assert tree(place) == before


def test_print_and_a_refusal_write_nothing(place):
    before = tree(place)
    run("--print", "lr=0.3")
    run("lr=high")
    assert tree(place) == before


def test_on_a_terminal_it_asks(place):
    shown, code = gage_on_terminal("run", "lr=0.3", cwd=".", typed="n\n")
    assert code == 1
    assert "* lr      0.3" in shown
    assert "Run it? [Y/n]" in shown
    assert not os.path.exists(".gage")


@pytest.mark.parametrize("typed", ["\n", "y\n", "yes\n"])
def test_yes_is_the_default(place, typed):
    shown, code = gage_on_terminal("run", cwd=".", typed=typed)
    assert code == 0
    assert "loss: " in shown
    assert run_status(the_run()) == "completed"


def test_an_end_of_input_is_no(place):
    _, code = gage_on_terminal("run", cwd=".", typed="\x04")
    assert code == 1
    assert not os.path.exists(".gage")


def test_yes_is_not_asked(place):
    shown, code = gage_on_terminal("run", "-y", cwd=".")
    assert code == 0
    assert "Run it?" not in shown
    assert f"gage: {the_run().id[:8]} completed" in shown


def test_a_terminal_that_forbids_it_gets_no_control_codes(place):
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown, _ = gage_on_terminal("run", "-y", cwd=".", env=env)
        assert "\x1b" not in shown
    assert "\x1b" in gage_on_terminal("run", "-y", cwd=".")[0]


def test_in_a_pipe_there_are_no_control_codes_and_no_questions(place):
    write("model.bin", "\0")
    told = run(env={"TERM": "xterm"})
    assert told.code == 0
    assert "\x1b" not in told.out + told.err
    assert "\r" not in told.out + told.err


# Options


def test_a_run_is_staged_and_started_later(place):
    told = run("--stage", "lr=0.3")
    assert ID.fullmatch(told.out.strip())
    made = the_run()
    assert run_status(made) == "staged"
    program("rm", "train.py", "gage.yaml")
    told = run("--start", made.id[:8])
    assert (told.out[:6], told.code) == ("loss: ", 0)
    assert run_status(made) == "completed"
    told = run("--start", made.id[:8])
    assert told.code == 125
    assert "already finished" in told.err


def test_label_and_tags_are_said(place):
    assert run("-l", "first one", "-t", "a", "--tag", "b").code == 0
    made = the_run()
    assert read_said(made.home, made.name)[:2] == ("first one", ("a", "b"))


def test_the_run_may_be_kept_anywhere(place):
    assert run("--run-dir", "out/one").code == 0
    assert run_status(open_run("out/one")) == "completed"
    assert not os.path.exists(".gage")
    assert run("--run-dir", "out/one").code == 125
    assert run("--run-dir", "out/").code == 0
    assert len(run_names("out")) == 2


def test_another_directory_and_another_home_may_be_named(place):
    told = gage("run", "-C", place, "--runs", "../elsewhere", cwd="/")
    assert told.code == 0
    assert run_status(the_run("../elsewhere")) == "completed"


# Files


def test_a_script_is_run_as_it_is(place):
    os.unlink("gage.yaml")
    assert run("train.py", "lr=0.2").out == "loss: 0.0467\n"
    write("hello.sh", 'echo "hello $0"\n')
    assert run("hello.sh").out.startswith("hello ")
    write("tool", "#!/bin/sh\necho tool; exit 4\n", 0o755)
    assert run("tool") == ("tool\n", "", 4)
    write("sub/-odd name.py", "import sys\nx = 1\nprint(x, sys.argv)\n")
    assert run("sub/-odd name.py", "x=2").out == "2 ['sub/-odd name.py']\n"
    assert len(runs()) == 4
    told = run("README.md")
    assert told.code == 125
    write("notes.txt", "x")
    assert "chmod +x notes.txt" in run("notes.txt").err


# Around it


def test_a_run_within_a_run_is_a_run_of_its_own(place):
    define(exec="gage run inner.sh --runs $HOME/inner; echo outer $RUN_ID")
    write("inner.sh", "echo inner $RUN_ID\n")
    told = run()
    assert told.code == 0
    inner, outer = the_run(os.path.join(os.environ["HOME"], "inner")), the_run()
    assert told.out == f"inner {inner.id}\nouter {outer.id}\n"
    assert run_status(inner) == run_status(outer) == "completed"


def test_a_run_within_a_run_lies_beside_it(place):
    define(exec="gage run inner.sh && echo outer")
    write("inner.sh", "echo inner\n")
    assert run() == ("inner\nouter\n", "", 0)
    assert [run_status(made) for made in runs()] == ["completed", "completed"]
    assert sorted(str(made.opref) for made in runs()) == ["inner.sh", "op"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(place, closed):
    told = program("sh", "-c", f"gage run {closed}; echo $? > code")
    assert read("code") == "0\n", told.err
    made = the_run()
    assert run_status(made) == "completed"
    assert read(run_meta_path(made, "output", "40_run")).startswith("loss: ")


def test_a_reader_that_goes_away_does_not_stop_the_run(place):
    define(exec="seq 100000; echo end > end")
    told = program("sh", "-c", "gage run | head -n 1")
    assert told == ("1\n", "", 0)
    wait_until(lambda: runs() and run_status(runs()[0]) == "completed")
    made = the_run()
    assert read(run_meta_path(made, "output", "40_run")).endswith("\n100000\n")
    assert os.path.exists(f"{made}/end")


def test_many_are_run_at_once(place):
    words = ["gage", "run", "-q"]
    env = {**os.environ, **QUICK}
    processes = [subprocess.Popen(words, env=env) for _ in range(6)]
    assert [process.wait() for process in processes] == [0] * 6
    assert [run_status(made) for made in runs()] == ["completed"] * 6


def on_terminal(*words):
    """Gage on a terminal of its own: its process, and our end of the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("gage", ["gage", *words], {**os.environ, "TERM": "dumb"})
    return child, terminal


def all_shown(terminal):
    shown = b""
    try:
        while select.select([terminal], [], [], 30)[0]:
            data = os.read(terminal, 65536)
            if not data:
                break
            shown += data
    except OSError:
        pass
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("script", "code", "status", "shown"),
    [
        ("echo ready; exec sleep 60", 130, "terminated", ""),
        (
            "n=0; trap 'n=$((n+1))' INT; echo ready; sleep 0.4; sleep 0.4; echo \"got $n\"; exit 5",
            5,
            "error",
            "got 1\n",
        ),
    ],
)
def test_control_c_reaches_the_command_once_and_the_run_is_finalized(
    place, script, code, status, shown
):
    define(exec=["sh", "-c", script])
    child, terminal = on_terminal("run", "-y")
    output = b""
    while b"ready" not in output:
        output += os.read(terminal, 4096)
    time.sleep(0.1)
    os.write(terminal, b"\x03")
    told = all_shown(terminal)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code
    made = the_run()
    assert run_status(made) == status
    assert shown in told
    assert "Traceback" not in told
    assert os.path.exists(run_meta_path(made, "stopped"))


def test_a_signal_ends_the_command_and_the_run_is_finalized(place):
    define(exec="echo $$ > pid; exec sleep 60")
    process = subprocess.Popen(["gage", "run"])
    wait_until(lambda: runs() and os.path.exists(f"{runs()[0]}/pid"))
    wait_until(lambda: read(f"{runs()[0]}/pid"))
    process.terminate()
    assert process.wait() == 143
    assert read_fact(the_run(), "proc", "exit") == str(-signal.SIGTERM)


def test_a_killed_run_is_terminated_at_once_and_can_be_finalized(place):
    define(exec="echo $$ > pid; exec sleep 60")
    process = subprocess.Popen(["gage", "run"])
    wait_until(lambda: runs() and os.path.exists(f"{runs()[0]}/pid"))
    wait_until(lambda: read(f"{runs()[0]}/pid"))
    process.kill()
    process.wait()
    made = the_run()
    assert run_status(made) == "terminated"
    wait_until(lambda: not is_alive(read(f"{made}/pid").strip()))
    wait_until(lambda: program("gage-finalize", made.run_dir).code == 0)
    assert read_fact(made, "proc", "exit") == "-9"


def test_a_command_that_the_system_will_not_start_leaves_a_finalized_run(place, monkeypatch):
    # The run has the fact that it was started when making a process fails.
    script = (
        "import os, sys\n"
        "from gage.porcelain.main import main\n"
        "def fork(): raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
        "os.fork = fork\n"
        "sys.exit(main(['run']))\n"
    )
    import sys

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 125
    assert "the command could not be started: Resource temporarily unavailable" in done.stderr
    assert run_status(the_run()) == "error"
    assert read_fact(the_run(), "proc", "exit") == "125"


@pytest.mark.parametrize("code", [0, 4])
def test_an_end_that_could_not_be_noted_is_recorded_all_the_same(place, code):
    note = '"$(dirname "$RUN_DIR")/.locks/$(basename "$RUN_DIR")/exit.note.reserved"'
    write("end.sh", f"rm {note}; mkdir {note}; exit {code}\n")
    define(exec="sh end.sh")
    told = run()
    assert told.code == code
    assert f"the end, {code}, could not be noted" in told.err
    assert read_fact(the_run(), "proc", "exit") == str(code)
