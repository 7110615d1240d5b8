import json
import os
import re
import socket
import stat
import subprocess
import sys

import pytest

from gage.durable import unlink
from gage.facts import put_fact
from gage.files_log import entered, read_events
from gage.locks import holding, take
from gage.manifest import Entry, read_manifest
from gage.run import Run, lock_path, read_fact, run_meta_path
from gage.status import run_status
from tests.nobody import NOBODY
from tests.programs import (
    begun,
    can_be_killed,
    killed_at,
    nobody_can_run,
    open_place,
    program,
    read,
    tree,
    wait_until,
    write,
)
from tests.staged import staged_run

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def executed(home, script, **more) -> Run:
    run = staged_run(home, ["sh", "-c", script], **more)
    program("gage-exec", "-q", run.run_dir)
    return run


def finalize(run, *words, **more):
    return program("gage-finalize", *words, run.run_dir, **more)


def finalized(home, script, said="", **more) -> Run:
    run = executed(home, script, **more)
    told = finalize(run)
    assert (told.out, told.code) == ("", 0)
    assert [line.removeprefix(f"gage-finalize: {run}: ") for line in told.err.split("\n")] == [
        *(said.split("\n") if said else []),
        "",
    ]
    return run


def types_of(run):
    return {entry.path: entry.type for entry in read_manifest(run)}


def log_of(run):
    return read_fact(run, "log", "runner") or ""


def is_read_only(run):
    """Whether nothing of the run may be written to, but for the directories."""
    listed = [*tree(run.run_dir).values(), *tree(run.meta_dir).values()]
    return all("w" not in mode for mode, _ in listed if mode[0] == "-")


# The plain life


def test_a_finalized_run_is_sealed_and_says_how_it_ended(tmp_path):
    run = executed(tmp_path, "echo 1 > out; mkdir d; echo x > d/tool; chmod +x d/tool; exit 3")
    assert run_status(run) == "exited"
    assert finalize(run) == ("", "", 0)
    assert run_status(run) == "error"
    assert read(run_meta_path(run, "proc", "exit")) == "3\n"
    assert types_of(run) == {"out": "g", "d/tool": "g"}
    assert is_read_only(run)
    assert tree(run.run_dir)["d/tool"][0] == "-r-xr-xr-x"
    started, stopped = (int(read_fact(run, name) or 0) for name in ("started", "stopped"))
    assert started < stopped
    assert not os.path.exists(run_meta_path(run, "proc", "lock"))
    assert not os.path.exists(lock_path(run, "exit.note"))
    assert os.listdir(tmp_path / ".tmp") == []


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_others_never_write_to_what_finalize_leaves(tmp_path, umask):
    opdef = {"exec": {"finalize": "umask 0; echo > made"}, "metrics": {"n": "(.)"}}
    run = executed(tmp_path, "umask 0; echo 1 | tee out", opdef=opdef)
    assert finalize(run, umask=umask).code == 0
    assert is_read_only(run)
    assert oct(os.stat(run_meta_path(run, "summary.json")).st_mode & 0o777) == oct(0o444 & ~umask)


def test_what_became_of_each_file_is_recorded(tmp_path):
    files = {"kept": "k", "edited": "e", "gone": "g", "same": "s"}
    script = "chmod u+w edited; echo new > edited; rm -f gone same; printf s > same; echo > made"
    run = finalized(tmp_path, script, files=files)
    assert types_of(run) == {**dict.fromkeys(files, "s"), "made": "g"}
    assert [(e.event, e.type, e.path) for e in read_events(run)] == [
        ("d", "s", "gone"),
        ("m", "s", "edited"),
        ("a", "g", "made"),
    ]


def test_a_run_dir_that_its_command_removed_is_said(tmp_path):
    run = executed(tmp_path, 'cd /; rm -rf "$RUN_DIR"', files={"a": "a"})
    told = finalize(run)
    assert told.code == 0
    assert "the run dir is gone" in told.err
    assert run_status(run) == "completed"
    assert [(e.event, e.path) for e in read_events(run)] == [("d", "a")]


@pytest.mark.parametrize("made", ["echo > $RUN_DIR", "ln -s /etc $RUN_DIR", "mkfifo $RUN_DIR"])
def test_what_took_the_place_of_the_run_dir_is_left_alone(tmp_path, made):
    run = executed(tmp_path, f'cd /; rm -rf "$RUN_DIR"; {made}')
    before = os.lstat(run.run_dir).st_mode, os.stat("/etc").st_mode
    told = finalize(run)
    assert told.code == 0
    assert told.err
    assert run_status(run) == "completed"
    assert (os.lstat(run.run_dir).st_mode, os.stat("/etc").st_mode) == before


def test_a_meta_dir_that_the_command_removed_is_said_in_one_line(tmp_path):
    run = executed(tmp_path, 'rm -rf "$RUN_DIR.meta"')
    told = finalize(run)
    assert told.code == 10
    assert told.err.count("\n") == 1
    assert not os.path.exists(run.meta_dir)


# How it ended


@pytest.mark.parametrize(
    ("script", "code", "status"),
    [("exit 0", 0, "completed"), ("exit 255", 255, "error"), ("kill -9 $$", -9, "terminated")],
)
def test_the_noted_code_is_recorded(tmp_path, script, code, status):
    run = finalized(tmp_path, script)
    assert read_fact(run, "proc", "exit") == str(code)
    assert run_status(run) == status


@pytest.mark.parametrize("code", ["0", "7", "255", "-15", "-64"])
def test_the_code_of_what_else_ran_the_command_is_given(tmp_path, code):
    run = staged_run(tmp_path, ["true"])
    put_fact(run, "started", text="3")
    assert finalize(run, "--exit-code", code).code == 0
    assert read_fact(run, "proc", "exit") == code


@pytest.mark.parametrize("code", ["256", "-65", "123456789012", "9" * 5000])
def test_a_code_that_no_command_has_is_refused(tmp_path, code):
    run = executed(tmp_path, "true")
    assert finalize(run, "--exit-code", code).code == 2
    assert run_status(run) == "exited"


def test_a_run_whose_runner_died_is_terminated(tmp_path):
    run = staged_run(tmp_path, ["true"])
    put_fact(run, "started", text="3")
    assert finalize(run).code == 0
    assert read_fact(run, "proc", "exit") == "-9"


def test_a_note_of_another_boot_proves_nothing(tmp_path):
    run = executed(tmp_path, "true")
    write(lock_path(run, "exit.note"), "0 00000000-0000-0000-0000-000000000000")
    assert finalize(run).code == 0
    assert read_fact(run, "proc", "exit") == "-9"


@pytest.mark.parametrize("words", [["--exit-code", "x"], ["--exit-code"], ["--no-such"]])
def test_usage_has_its_code(tmp_path, words):
    run = executed(tmp_path, "true")
    assert finalize(run, *words).code == 2
    assert run_status(run) == "exited"


# When


def test_a_run_that_was_not_started_is_left_alone(tmp_path):
    run = staged_run(tmp_path, ["true"])
    before = tree(run.meta_dir)
    told = finalize(run)
    assert (told.out, told.code) == ("", 20)
    assert told.err == f"gage-finalize: {run}: not started yet\nhint: gage-exec {run}\n"
    assert tree(run.meta_dir) == before
    unlink(run_meta_path(run, "staged"))
    assert finalize(run).code == 20
    assert program("gage-finalize", str(tmp_path / "none")).code == 10


def test_a_run_that_is_running_is_left_alone(tmp_path):
    run = staged_run(tmp_path, ["sh", "-c", "echo > ready; sleep 60"])
    runner = begun("gage-exec", run.run_dir, cwd=str(tmp_path))
    wait_until(lambda: os.path.exists(os.path.join(run.run_dir, "ready")))
    told = finalize(run)
    runner.terminate()
    runner.wait()
    assert told.code == 11
    assert told.err == f"gage-finalize: {run}: still running\nhint: gage runs stop {run.name}\n"
    assert finalize(run).code == 0
    assert read_fact(run, "proc", "exit") == "-15"


def test_a_run_of_which_something_still_runs_is_left_alone(tmp_path):
    run = executed(tmp_path, "true")
    lock = take(run, "tree")
    told = finalize(run)
    os.close(lock)
    assert told.code == 11
    assert "something that its command started is still running" in told.err
    with holding(run):
        assert finalize(run).code == 11
    assert run_status(run) == "exited"
    assert finalize(run).code == 0


def test_a_finalized_run_is_left_as_it_is(tmp_path):
    run = finalized(tmp_path, "exit 3")
    before = tree(run.meta_dir)
    assert finalize(run) == ("", "", 0)
    assert finalize(run, "--exit-code", "3") == ("", "", 0)
    told = finalize(run, "--exit-code", "4")
    assert told.code == 20
    assert told.err == f"gage-finalize: {run}: already finished, with exit code 3\n"
    assert tree(run.meta_dir) == before


@pytest.mark.parametrize("text", ["", "x", "\udcff"])
def test_a_damaged_end_is_not_believed(tmp_path, text):
    run = executed(tmp_path, "true")
    write(run_meta_path(run, "proc", "exit"), text)
    told = finalize(run)
    assert told.code == 20
    assert "damaged" in told.err


def test_of_many_that_finalize_a_run_all_agree(tmp_path):
    run = executed(tmp_path, "for i in 1 2 3 4 5 6 7 8 9; do echo $i > f$i; done")
    processes = [begun("gage-finalize", run.run_dir, cwd="/") for _ in range(6)]
    assert {process.wait() for process in processes} <= {0, 11}
    assert run_status(run) == "completed"
    assert len(read_events(run)) == 9
    assert program("gage-manifest", "--check", run.run_dir).code == 0


# What is not of the run


OUTSIDE = """
ln -s "$OUT" folder; ln -s "$OUT/file" link; ln "$OUT/file" hard; ln -s "$OUT/none" dangling
ln -s . loop; ln -s loop/loop/loop chain; mkdir d; ln -s .. d/up; ln -s / root
mkfifo pipe; echo made > made
"""


def test_nothing_outside_the_run_is_followed_or_changed(tmp_path):
    outside = tmp_path / "outside"
    write(str(outside / "file"), "mine", 0o640)
    write(str(outside / "sub" / "tool"), "mine", 0o750)
    os.chmod(outside, 0o770)
    before = tree(str(tmp_path / "outside")), os.stat(outside).st_mode
    run = executed(tmp_path, OUTSIDE, env={"OUT": str(outside)})
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.join(run.run_dir, "socket"))
    told = finalize(run)
    assert told.code == 0
    assert (tree(str(outside)), os.stat(outside).st_mode) == before
    said = sorted(line.removeprefix(f"gage-finalize: {run}: ") for line in told.err.split("\n"))
    assert said == [
        "",
        "hard: skipped: it has hard links elsewhere: its mode is left as it is",
        "pipe: skipped: no file: a FIFO",
        "socket: skipped: no file: a socket",
    ]
    assert all(line in log_of(run) for line in said)
    types = types_of(run)
    assert types == dict.fromkeys(
        ["chain", "d/up", "dangling", "folder", "hard", "link", "loop", "made", "root"], "g"
    )
    links = {entry.path for entry in read_manifest(run) if entry.digest.startswith("link:")}
    assert links == set(types) - {"hard", "made"}
    assert stat.S_ISFIFO(os.stat(os.path.join(run.run_dir, "pipe")).st_mode)
    assert run_status(run) == "completed"


def test_hard_links_within_the_run_are_its_own(tmp_path):
    run = finalized(tmp_path, "echo x > a; ln a b; mkdir d; ln a d/c")
    assert types_of(run) == {"a": "g", "b": "g", "d/c": "g"}
    assert is_read_only(run)


def test_odd_names_go_into_the_manifest(tmp_path):
    script = r"""touch 'a
b' 'trailing ' "$(printf 'cr\r')" "$(printf '\377')" 'back\slash' """
    run = finalized(tmp_path, script)
    paths = {"a\nb", "trailing ", "cr\r", "\udcff", "back\\slash"}
    assert set(read_manifest(run)) == {Entry("g", EMPTY, path) for path in paths}
    assert {event.path for event in read_events(run)} == paths


def test_a_deep_tree_is_sealed_to_the_bottom(tmp_path):
    code = (
        "import os\nfor _ in range(600): os.mkdir('deep-dir'); os.chdir('deep-dir')\nopen('x', 'w')"
    )
    run = finalized(tmp_path, f'{sys.executable} -c "{code}"')
    (entry,) = read_manifest(run)
    assert entry.path == "deep-dir/" * 600 + "x"
    subprocess.run(["rm", "-rf", run.run_dir], check=True)


# Summary


def test_metrics_and_attributes_are_recorded(tmp_path):
    run = finalized(
        tmp_path,
        'echo "loss: 3"; echo "loss: 0.5"; echo \'{"acc": 1, "note": "ok"}\' > summary.json',
        opdef={"metrics": {"loss": r"loss: (\S+)"}},
    )
    assert json.loads(read_fact(run, "summary.json") or "") == {
        "attributes": {"note": "ok"},
        "metrics": {"loss": 0.5, "acc": 1},
    }
    assert program("gage-ls-runs", "--filter", "loss < 1", "--runs", str(tmp_path)).out


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '{' > summary.json", "summary.json: no JSON"),
        ("printf '\\377' > summary.json", "summary.json: no JSON"),
        ("truncate -s 1T summary.json", "summary.json: larger than"),
        ("ln -s /etc/passwd summary.json", "summary.json: a link is not followed"),
        ("mkfifo summary.json", "summary.json: not a file"),
        ("mkdir summary.json", "summary.json: not a file"),
        ("echo '{\"a\": [1]}' > summary.json", "summary.json: a: a number or a text"),
    ],
)
def test_a_summary_that_makes_no_sense_is_said_and_harmless(tmp_path, script, said):
    run = executed(tmp_path, script.replace("1T", "2M"))
    told = finalize(run)
    assert told.code == 0
    assert said in told.err
    assert said in log_of(run)
    assert run_status(run) == "completed"
    assert not os.path.exists(run_meta_path(run, "summary.json"))


def test_half_a_character_in_a_summary_is_harmless(tmp_path):
    script = """echo '{"note": "\\ud800", "\\udc00": {"a": 1}}' > summary.json"""
    run = executed(tmp_path, script)
    told = finalize(run)
    assert told.code == 0
    assert json.loads(read_fact(run, "summary.json") or "")["attributes"] == {"note": "\ud800"}
    assert program("gage", "show", "one", "--runs", str(tmp_path)).code == 0


def test_a_pattern_that_never_ends_does_not_stop_finalize(tmp_path):
    run = executed(
        tmp_path,
        "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
        opdef={"metrics": {"evil": "(a+)+$"}},
    )
    told = finalize(run)
    assert told.code == 0
    assert "metrics: evil: took more than 2 s and was given up" in told.err
    assert run_status(run) == "completed"


# The hook


def test_the_hook_runs_in_the_run_and_its_files_are_of_it(tmp_path):
    script = (
        'echo "$RUN_ID $RUN_DIR $${PROJECT_DIR-none} $FLAG_X $PWD" > made; echo said; echo {"n": 1}'
    )
    script = script.replace('echo {"n": 1}', "echo '{\"n\": 1}' > summary.json")
    run = finalized(tmp_path, "true", opdef={"exec": {"finalize": script}}, config={"x": 5})
    assert read(os.path.join(run.run_dir, "made")) == f"{run.id} {run} none 5 {run}\n"
    assert read(run_meta_path(run, "output", "50_finalize")) == "said\n"
    assert types_of(run) == {"made": "g", "summary.json": "g"}
    assert json.loads(read_fact(run, "summary.json") or "")["metrics"] == {"n": 1}
    assert is_read_only(run)


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("echo no >&2; exit 7", "the hook finalize failed with exit code 7"),
        ("kill -9 $$", "the hook finalize failed with exit code -9"),
        (["./none"], "the hook finalize failed with exit code 127"),
        ("#!/no/such/program\n", "the hook finalize failed with exit code 126"),
    ],
)
def test_a_failing_hook_leaves_a_finalized_run_that_says_so(tmp_path, hook, said):
    run = finalized(tmp_path, "exit 3", said, opdef={"exec": {"finalize": hook}})
    assert run_status(run) == "error"
    assert said in log_of(run)
    assert is_read_only(run)
    assert os.path.exists(run_meta_path(run, "output", "50_finalize"))


def test_a_hook_whose_run_dir_is_gone_is_said(tmp_path):
    run = executed(tmp_path, 'cd /; rm -rf "$RUN_DIR"', opdef={"exec": {"finalize": "true"}})
    told = finalize(run)
    assert told.code == 0
    assert "the hook finalize could not start: No such file or directory" in told.err
    assert run_status(run) == "completed"


# Killed


def told_of(run: Run):
    """All that finalizing a run leaves, but for times."""
    return tree(run.run_dir), set(tree(run.meta_dir)), read_manifest(run), entered(run)


def test_a_killed_finalize_is_repeated_and_ends_the_same(tmp_path):
    if not can_be_killed():
        pytest.skip("system calls cannot be tampered with here")
    script = "echo 1 > out; chmod u+w a; echo 2 > a; rm -f b; exit 3"
    more = {
        "files": {"a": "a", "b": "b", "c": "c"},
        "opdef": {"exec": {"finalize": "echo hook > hook"}, "metrics": {"n": "(.)"}},
    }
    wanted = finalized(tmp_path, script, name="whole", **more)
    killed = 0
    for call, step in [("write", 13), ("rename", 3), ("fchmod", 9), ("fsync", 23), ("unlink", 2)]:
        count = 1
        while True:
            run = executed(tmp_path, script, **more)
            argv = ["gage-finalize", run.run_dir]
            if not killed_at(count, [call], argv, str(tmp_path)):
                break
            killed += 1
            assert run_status(run) in ("exited", "error")
            if count % 2:
                killed_at(count, ["write"], argv, str(tmp_path))  # and once more
            told = finalize(run)
            assert told == ("", "", 0)
            assert run_status(run) == "error"
            assert told_of(run) == told_of(wanted)
            assert is_read_only(run)
            logged = read_events(run)
            assert len(logged) == len(set(logged))
            # The hook writes its file anew each time that finalize is taken up.
            events = [(e.event, e.path) for e in logged if (e.event, e.path) != ("m", "hook")]
            assert sorted(events) == [
                ("a", "hook"),
                ("a", "out"),
                ("d", "b"),
                ("m", "a"),
            ]
            subprocess.run(f"rm -rf {run}*", shell=True, check=True)
            count += step
        subprocess.run(f"rm -rf {run}*", shell=True, check=True)
    assert killed > 5


# As an ordinary user


def test_all_of_it_works_for_an_ordinary_user():
    if not nobody_can_run():
        pytest.skip("an ordinary user cannot run gage here")
    with open_place() as place:
        outside = write(f"{place}/outside/file", "mine", 0o640)
        theirs = write(f"{place}/theirs", "theirs", 0o644)
        if os.geteuid() == 0:
            os.chown(outside, NOBODY, NOBODY)
            os.chown(os.path.dirname(outside), NOBODY, NOBODY)
        script = (
            f"echo 1 > out; ln -s {place}/outside folder; ln {outside} hard; mkdir shut; "
            "echo x > shut/x; chmod 0 shut/x shut; mkdir ro; echo > ro/f; chmod 555 ro; "
            "chmod u+w a; echo new > a; echo loss 1"
        )
        op = {"metrics": {"loss": "loss (.)"}, "exec": {"run": script, "finalize": "echo > h"}}
        write(f"{place}/op.json", json.dumps(op))
        write(f"{place}/project/a", "a")
        more = {"cwd": f"{place}/project", "nobody": True}
        run = f"{place}/runs/one"
        os.mkdir(f"{place}/runs", 0o700)
        if os.geteuid() == 0:
            os.chown(f"{place}/runs", NOBODY, NOBODY)
        assert program("gage-init", run, "--opdef", "../op.json", **more).code == 0
        assert program("gage-stage", run, **more) == ("", "", 0)
        assert program("gage-exec", run, **more).code == 0
        # A finalize that was stopped after it had sealed the logs.
        os.chmod(f"{run}.meta/log/runner", 0o444)
        os.chmod(f"{run}.meta/log/files", 0o444)
        told = program("gage-finalize", run, **more)
        assert told.code == 0, told.err
        assert "hard: skipped: it has hard links elsewhere" in told.err
        assert program("gage-status", run, **more).out == "completed\n"
        assert tree(f"{place}/outside") == {"file": ("-rw-r-----", "mine")}
        assert read(theirs) == "theirs"
        modes = {path: mode for path, (mode, _) in tree(run).items() if mode[0] == "-"}
        assert modes.pop("hard") == "-rw-r-----"
        assert set(modes) == {"a", "out", "shut/x", "ro/f", "h"}
        assert all("w" not in mode and mode[1] == "r" for mode in modes.values())
        assert program("gage-manifest", "--check", run, **more).code in (0, 1)
        written = program("sh", "-c", f"echo x >> {run}.meta/proc/exit", **more)
        assert "Permission denied" in written.err


def test_the_python_interface_says_what_the_command_says(tmp_path):
    run = executed(tmp_path, "mkfifo pipe; exit 5")
    script = (
        "import sys\n"
        "from gage.plumbing import finalize_run, open_run\n"
        "finalize_run(open_run(sys.argv[1]), 5, tell=print)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, run.run_dir], capture_output=True)
    assert done.stdout.decode() == f"{run}: pipe: skipped: no file: a FIFO\n"
    assert read_fact(run, "proc", "exit") == "5"


def test_what_closed_the_lock_and_outlives_its_runner_is_in_the_way(tmp_path):
    left = "import subprocess; subprocess.Popen(['sleep', '66'], start_new_session=True)"
    script = f"{left}; print('up', flush=True); import time; time.sleep(60)"
    run = staged_run(tmp_path, [sys.executable, "-c", script])
    runner = subprocess.Popen(["gage-exec", run.run_dir], stdout=subprocess.PIPE)
    assert runner.stdout.readline() == b"up\n"
    runner.kill()
    runner.communicate()
    wait_until(lambda: run_status(run) == "terminated")
    for verb in ("gage-finalize", "gage-resume"):
        told = program(verb, run.run_dir)
        assert told.code == 11
        assert re.search(
            r"is still running: process \d+ \(sleep 66\)\nhint: gage runs stop", told.err
        )
    assert program("gage", "runs", "stop", "-y", run.run_dir).code == 0
    assert run_status(run) == "terminated"
    assert read_fact(run, "proc", "exit") == "-9"


def test_a_code_that_the_command_did_not_end_with_is_refused(tmp_path):
    run = staged_run(tmp_path, "exit 3")
    assert program("gage-exec", run.run_dir).code == 3
    told = program("gage-finalize", "--exit-code", "0", run.run_dir)
    assert told.code == 20
    assert told.err.startswith(
        f"gage-finalize: {run}: its command ended with 3\nhint: gage-finalize"
    )
    assert program("gage-finalize", "--exit-code", "3", run.run_dir).code == 0


def test_an_end_that_the_command_forged_is_found_and_the_note_of_it_stays(tmp_path):
    run = staged_run(tmp_path, 'echo 0 > "$RUN_DIR.meta/proc/exit"; exit 7')
    assert program("gage-exec", run.run_dir).code == 7
    assert program("gage-finalize", run.run_dir).code in (0, 20)
    for words in (["gage-fsck"], ["gage-fsck", "--repair"], ["gage-fsck"]):
        told = program(*words, run.run_dir)
        assert told.code == 1
        assert "does not tell that the command ended with 7, as .locks/one/exit.note" in told.out
