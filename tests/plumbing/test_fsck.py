import json
import os
import subprocess

import pytest

from gage.locks import take
from gage.plumbing import fsck_run
from gage.plumbing.fsck import main
from gage.run import open_run
from gage.staging import STAGE_PHASES
from tests.fsck_runs import copied, done, replaced, whole_run, write_project
from tests.nobody import NOBODY
from tests.programs import nobody_can_run, open_place, program, tree, write


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(str(tmp_path_factory.mktemp("whole")))


@pytest.fixture
def place(whole, tmp_path, monkeypatch):
    """The current directory, in which ``runs/one`` is a run to be damaged."""
    copied(whole, str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_is_said_of_a_run_that_is_as_it_should_be(place, capsys):
    assert main(["runs/one", "runs/one/"]) == 0
    assert main(["--runs", "runs"]) == 0
    assert main(["--repair", "runs/one"]) == 0
    assert capsys.readouterr() == ("", "")


def test_nothing_is_said_of_a_run_at_any_time_of_its_life(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_project(".")
    verbs = [
        ["gage-init", "runs/one", "-C", "project", "op", "x=2"],
        *(["gage-stage", "--phase", phase, "runs/one"] for phase in STAGE_PHASES),
        *(["gage-exec", "-q", "runs/one"], ["gage-finalize", "runs/one"]),
        *(["gage-reopen", "runs/one", "lr=2"], ["gage-exec", "-q", "runs/one"]),
        *(["gage-finalize", "runs/one"], ["gage-reopen", "--clean", "runs/one"]),
        *(["gage-exec", "-q", "runs/one"], ["gage-finalize", "runs/one"]),
        ["gage-reopen", "--force-sourcecode", "runs/one"],
    ]
    statuses = []
    for argv in verbs:
        done(*argv)
        assert main(["runs/one"]) == 0, argv
        assert capsys.readouterr() == ("", ""), argv
        statuses.append(done("gage-status", "runs/one").strip())
    assert {*statuses} == {"pending", "staged", "exited", "completed"}


def test_what_was_put_into_a_run_by_hand_is_a_note(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write("project/file", "x")
    done("gage-init", "runs/one", "--", "true")
    done("gage-stage", "-C", "project", "--phase", "sourcecode", "runs/one")
    write("runs/one/by-hand", "x")
    done("gage-stage", *(f"--phase={phase}" for phase in STAGE_PHASES[1:]), "runs/one")
    done("gage-exec", "-q", "runs/one")
    done("gage-finalize", "runs/one")
    assert main(["runs/one"]) == 0
    assert "\tnote\tunknown\tone.meta/log/files\t" in capsys.readouterr().out


def test_a_finding_is_a_line_with_tabs_between_its_fields(place, capsys):
    os.chmod("runs/one/made", 0o644)
    os.unlink("runs/one.meta/stopped")
    assert main(["runs/one"]) == 1
    assert [line.split("\t") for line in capsys.readouterr().out.splitlines()] == [
        [
            *("runs/one", "error", "missing", "one.meta/stopped", "is missing"),
            "bring it back from a copy of the run, or gage runs rm runs/one",
        ],
        [
            *("runs/one", "warning", "writable", "one/made", "should be read-only"),
            "gage-fsck --repair runs/one",
        ],
    ]


def test_findings_are_objects_or_end_with_nul_where_that_is_asked_for(place, capsys):
    write("runs/one/new\nfile\udcff", "", 0o444)
    assert main(["--json", "runs/one"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    finding = json.loads(line)
    assert list(finding) == ["run_dir", "severity", "what", "path", "message", "hint"]
    assert finding["path"] == "one/new\nfile\udcff"
    assert main(["-z", "runs/one"]) == 1
    out = capsys.readouterr().out
    assert out.endswith("\0") and "\n" not in out
    assert main(["--json", "-z", "runs/one"]) == 1
    assert json.loads(capsys.readouterr().out.removesuffix("\0")) == finding


def test_notes_are_said_and_are_no_trouble(place, capsys):
    write("runs/one.meta/surprise", "", 0o444)
    assert main(["runs/one"]) == 0
    assert "\tnote\tunknown\tone.meta/surprise\t" in capsys.readouterr().out


def test_run_dirs_are_read_from_standard_input(place):
    os.chmod("runs/one/made", 0o644)
    told = program("gage-fsck", "--stdin", input="runs/one\n")
    assert (told.out.count("\n"), told.code) == (1, 1)


def test_what_is_no_run_exits_10_after_what_came_before(place, capsys):
    os.chmod("runs/one/made", 0o644)
    assert main(["runs/one", "runs/two"]) == 10
    out, err = capsys.readouterr()
    assert "writable" in out
    assert err == "gage-fsck: runs/two: no run here (two.meta is missing)\n"
    assert main(["--runs", "nowhere"]) == 10
    assert main([]) == 2


def test_a_run_of_a_newer_gage_is_not_judged(place, capsys):
    replaced("runs/one", "__schema__", "2\n")
    assert main(["runs/one"]) == 1
    fields = capsys.readouterr().out.removesuffix("\n").split("\t")
    assert fields[1:4] == ["error", "unreadable", "one"]
    assert fields[5] == "upgrade gage"


def test_one_damaged_run_costs_the_report_of_one_run(place, whole, capsys):
    for number in range(5):
        copied(whole, f"more/{number}")
        for end in ("", ".meta"):
            os.rename(f"more/{number}/one{end}", f"runs/{number}{end}")
        replaced(f"runs/{number}", "id", f"{number}" * 32 + "\n")
    os.unlink("runs/1.meta/id")
    os.mkfifo("runs/1.meta/id")
    replaced("runs/2", "opdef.json", "[" * 50_000)
    replaced("runs/3", "manifest", "\0\x1b[2J")
    write("runs/5.meta", "no directory")
    assert main(["--runs", "runs"]) == 1
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(fields[0], fields[3]) for fields in lines] == [
        ("runs/1", "1.meta/id"),
        ("runs/2", "2.meta/opdef.json"),
        ("runs/3", "3.meta/manifest"),
        ("runs/5", "5.meta"),
    ]


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e\r\t\udcff"


def test_hostile_names_cannot_steer_a_terminal(place):
    os.rename("runs/one", f"runs/{HOSTILE}")
    os.rename("runs/one.meta", f"runs/{HOSTILE}.meta")
    run = f"runs/{HOSTILE}"
    for path in (f"{run}/{HOSTILE}", f"{run}.meta/{HOSTILE}", f"{run}.meta/sys/{HOSTILE}.json"):
        write(path, HOSTILE, 0o444)
    replaced(run, "manifest", f"s {HOSTILE}\n")
    replaced(run, "parent", HOSTILE)
    for words in (["gage-fsck", "--runs", "runs"], ["gage", "--runs", "runs", "check", "--runs"]):
        told = program(*words)
        assert told.code == 1
        text = told.out + told.err
        assert "owned" in text
        assert all(c.isprintable() or c in "\n\t" for c in text)
    assert "\t" not in text


def test_repair_mends_what_can_be_mended_and_says_what_is_left(place, capsys):
    os.chmod("runs/one/made", 0o644)
    os.chmod("runs/one/d", 0o644)
    os.unlink("runs/one/d")
    assert main(["--repair", "runs/one"]) == 1
    assert capsys.readouterr().out.split("\t")[1:4] == ["error", "missing", "one/d"]
    assert main(["--repair", "runs/one"]) == 1


def test_repair_leaves_a_run_that_is_at_work_alone_and_exits_11(place, capsys):
    os.chmod("runs/one/made", 0o644)
    lock = take(open_run("runs/one"), "runner")
    try:
        assert main(["--repair", "runs/one"]) == 11
        out, err = capsys.readouterr()
        assert (out, err.split("\n")[1]) == ("", "hint: try again")
        assert main(["--repair", "--runs", "runs"]) == 0
        assert capsys.readouterr().out.split("\t")[1:3] == ["note", "running"]
    finally:
        os.close(lock)
    assert os.stat("runs/one/made").st_mode & 0o200


def test_repair_names_the_verb_that_a_run_needs_and_does_not_call_it(place, capsys):
    for name in ("proc/exit", "stopped"):
        os.unlink(f"runs/one.meta/{name}")
    before = tree("runs")
    assert main(["--repair", "runs/one"]) == 1
    assert capsys.readouterr().out.split("\t")[2:] == [
        *("unfinished", "one", "is not finalized: what ran it died", "gage-finalize runs/one\n")
    ]
    assert tree("runs") == before


def test_repair_sweeps_the_runs_home(place, capsys):
    os.mkdir("runs/.locks")
    write("runs/.tmp/0123456789abcdef01234567", "x")
    os.utime("runs/.tmp/0123456789abcdef01234567", (1, 1))
    assert main(["--runs", "runs"]) == 1
    fields = capsys.readouterr().out.removesuffix("\n").split("\t")
    assert (fields[0], fields[3]) == ("runs", ".tmp/0123456789abcdef01234567")
    assert fields[5] == "gage-fsck --repair --runs runs"
    assert main(["--repair", "--runs", "runs"]) == 0
    assert main(["--runs", "runs"]) == 0


def test_it_is_a_function_too(place):
    run = open_run("runs/one", sync="none")
    os.chmod("runs/one/made", 0o644)
    assert [finding.what for finding in fsck_run(run)] == ["writable"]
    assert fsck_run(run, repair=True) == []


def test_a_check_changes_nothing(place):
    os.chmod("runs/one/made", 0o644)
    os.unlink("runs/one.meta/stopped")
    before = tree(".")
    assert main(["--runs", "runs"]) == 1
    assert tree(".") == before


def test_an_ordinary_user_is_told_what_he_may_not_read():
    if os.geteuid() != 0 or not nobody_can_run():
        pytest.skip("there is no ordinary user here who can run the programs")
    with open_place() as place:
        run = whole_run(place)
        subprocess.run(["chown", "-hR", str(NOBODY), place], check=True)
        assert done("gage-fsck", run, nobody=True) == ""
        for path in (f"{run}/made", f"{run}.meta/id", f"{run}.meta/output/40_run.index"):
            os.chmod(path, 0)
        os.chmod(f"{run}/sub", 0)
        told = done("gage-fsck", run, nobody=True, code=1)
        fields = [line.split("\t") for line in told.splitlines()]
        assert {what for _, _, what, *_ in fields} == {"unreadable"}
        paths = ["one.meta/id", "one.meta/output/40_run.index", "one/made"]
        paths += ["one/sub", "one/sub/y"]
        assert sorted(path for _, _, _, path, *_ in fields) == paths


def test_verbs_that_meet_a_damaged_fact_point_here(place):
    replaced("runs/one", "opdef.json", "garbage\n")
    for words in (["gage-reopen", "runs/one"], ["gage-exec", "runs/one"]):
        assert program(*words).code != 0
    assert "hint: gage-fsck runs/one" in program("gage-reopen", "runs/one").err
    replaced("runs/one", "id", "garbage\n")
    assert "hint: gage-fsck runs/one" in program("gage-finalize", "runs/one").err
