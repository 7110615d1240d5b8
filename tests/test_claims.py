import json
import os
import shutil
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage.claims import check_run
from gage.errors import NotFoundError
from gage.locks import take
from gage.plumbing.exec import start_run
from gage.plumbing.finalize import finalize_run
from gage.repair import is_mendable, repair_run
from gage.run import Run, open_run
from tests.bounded import bounded
from tests.fsck_runs import (
    LINKS,
    copied,
    done,
    findings,
    hurt,
    replaced,
    said,
    whole_run,
    write_project,
)
from tests.pipelines import Project, chain
from tests.programs import begun, can_be_killed, killed_at, program, tree, wait_until, write
from tests.staged import staged_run
from tests.test_damage import DAMAGES

OPTIONAL = "it is only there where there was something to tell, and nothing else tells of it"

SILENT = {
    ("given.json", "gone"): OPTIONAL,
    ("summary.json", "gone"): OPTIONAL,
    ("attempts/1/given.json", "gone"): OPTIONAL,
    ("attempts/1/opdef.json", "gone"): "nothing asks for it but a reader of the attempt",
    ("attempts/1/opdef.json", "other"): "any object defines an operation",
    ("attempts/1/summary.json", "gone"): OPTIONAL,
    ("log/patched", "gone"): OPTIONAL,
    ("log/patched", "empty"): "a reopening that was killed leaves it so, if values were written",
    ("parent", "gone"): "this pipeline has no link to the run; of one that has, that is told",
    ("opdef.json", "other"): "any object defines an operation; what was run is in proc/cmd.json",
    **{
        (f"sys/{name}.json", damage): OPTIONAL if damage == "gone" else "any JSON may stand there"
        for name in ("gage", "host", "platform", "project", "user")
        for damage in ("gone", "other", "half a character")
    },
}
"""What nobody can tell from a run that is as it should be, and why."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with every fact that a run may have, restarted once."""
    return whole_run(str(tmp_path_factory.mktemp("whole")))


@pytest.fixture
def run(whole, tmp_path):
    """A copy of it, to be damaged."""
    return copied(whole, str(tmp_path))


FACTS = [
    *("__schema__", "id", "opref", "opdef.json", "config.json", "given.json", "parent"),
    *("proc/cmd.json", "proc/env.json", "proc/exit", "initialized", "staged", "started"),
    *("stopped", "manifest", "summary.json", "dependencies.json"),
    *("log/runner", "log/files", "log/patched"),
    *(f"sys/{name}.json" for name in ("gage", "host", "platform", "project", "user")),
    *(f"output/{name}{end}" for name in ("20_runtime", "40_run", "50_finalize")
      for end in ("", ".index")),
    *(f"attempts/1/{name}" for name in ("config.json", "dependencies.json", "given.json")),
    "attempts/1/opdef.json",
    *(f"attempts/1/{name}" for name in ("manifest", "started", "stopped", "summary.json")),
    *(f"attempts/1/proc/{name}" for name in ("cmd.json", "env.json", "exit")),
    *(f"attempts/1/output/{name}{end}" for name in ("40_run", "50_finalize")
      for end in ("", ".index")),
]  # fmt: skip


def test_a_run_with_every_fact_is_as_it_should_be(whole):
    assert findings(whole) == []
    files = {path for path, (mode, _) in tree(f"{whole}.meta").items() if mode[0] == "-"}
    assert files == set(FACTS)


@pytest.mark.parametrize("fact", FACTS)
def test_no_damage_of_a_fact_goes_unnoticed(whole, fact, tmp_path):
    for damage in [*DAMAGES, *LINKS]:
        with hurt(f"{whole}.meta/{fact}", damage, str(tmp_path / "aside")):
            troubles = [f for f in findings(whole) if f.severity != "note"]
        if (fact, damage) in SILENT:
            assert troubles == [], (fact, damage)
            continue
        assert [f for f in troubles if f.severity == "error"], (fact, damage)
        # An index that says less than it did is told of as output that it does not tell of.
        names = (f"one.meta/{fact}".removesuffix(".index"), "one/")
        if (fact.rpartition("/")[2], damage) == ("manifest", "empty"):
            continue  # then the files are new, and the dependencies come from nowhere
        assert any(f.path.startswith(names) for f in troubles), (fact, damage, troubles)
    assert findings(whole) == []


@pytest.mark.parametrize("folder", ["proc", "sys", "log", "output", "attempts"])
def test_a_directory_of_facts_that_is_a_link_or_a_file_is_named(run, folder, tmp_path):
    os.rename(f"{run}.meta/{folder}", tmp_path / "aside")
    os.symlink(tmp_path / "aside", f"{run}.meta/{folder}")
    assert f"error damaged .meta/{folder}" in said(run)
    os.unlink(f"{run}.meta/{folder}")
    write(f"{run}.meta/{folder}", "", 0o444)
    assert f"error damaged .meta/{folder}" in said(run)


@settings(max_examples=60)
@given(data=st.data())
def test_every_byte_that_flips_in_a_file_of_a_run_is_found(whole, data):
    path = data.draw(
        st.sampled_from(["a.json", "d", "gage.json", "late", "made", "sub/y", "runtime"])
    )
    with open(f"{whole}/{path}", "rb") as file:
        before = file.read()
    at = data.draw(st.integers(0, len(before) - 1))
    bit = data.draw(st.integers(0, 7))
    after = bytearray(before)
    after[at] ^= 1 << bit
    status = os.stat(f"{whole}/{path}")
    try:
        _write_over(f"{whole}/{path}", bytes(after), status)
        assert said(whole) == [f"error changed {path}"]
    finally:
        _write_over(f"{whole}/{path}", before, status)
    assert said(whole) == []


def _write_over(path, data, status):
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a disk that fails does


def test_what_became_of_the_files_of_a_finished_run_is_told(run):
    os.unlink(f"{run}/made")
    os.unlink(f"{run}/link")
    os.symlink("d", f"{run}/link")
    os.unlink(f"{run}/d")
    os.symlink("late", f"{run}/d")
    write(f"{run}/added", "x", 0o444)
    os.mkfifo(f"{run}/pipe")
    os.chmod(f"{run}/late", 0o644)
    assert sorted(said(run)) == [
        "error changed d",
        "error changed link",
        "error missing made",
        "error new added",
        "note unknown pipe",
        "warning writable late",
    ]


def test_a_run_dir_that_is_gone_or_a_link_is_one_finding(run, tmp_path):
    os.rename(run, tmp_path / "elsewhere")
    assert said(run) == ["error missing"]
    os.symlink(tmp_path / "elsewhere", run)
    assert said(run) == ["error damaged"]


def test_a_run_whose_facts_are_elsewhere_is_damaged(run, tmp_path):
    os.rename(f"{run}.meta", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", f"{run}.meta")
    (found,) = check_run(Run(run, "", None))
    assert (found.severity, found.what) == ("error", "damaged")
    os.unlink(f"{run}.meta")
    with pytest.raises(NotFoundError):
        check_run(Run(run, "", None))


CHANGING = {
    "change": {
        "exec": "sh -c 'echo more >> notes; rm -f gone; echo x > made'",
        "config": "a.json",
    }
}


def changed_run(tmp_path, *values):
    write(str(tmp_path / "project/gage.json"), json.dumps(CHANGING))
    write(str(tmp_path / "project/a.json"), '{"x": 1}')
    for name in ("notes", "gone"):
        write(str(tmp_path / "project" / name), f"{name}\n")
    run = str(tmp_path / "runs" / "one")
    done("gage-init", run, "-C", str(tmp_path / "project"), "change", *values)
    for words in (["gage-stage"], ["gage-exec", "-q"], ["gage-finalize"]):
        done(*words, run)
    return run


@pytest.mark.parametrize("values", [(), ("x=2",)])
def test_what_the_command_changed_is_told_apart_from_what_changed_later(tmp_path, values):
    run = changed_run(tmp_path, *values)
    assert sorted(said(run)) == ["note command gone", "note command notes"]
    (note,) = (f for f in findings(run) if f.path == "one/notes")
    assert "whether its content changed again since is recorded nowhere" in note.message
    for name in ("a.json", "notes", "made"):
        os.chmod(f"{run}/{name}", 0o644)
        with open(f"{run}/{name}", "ab") as file:
            file.write(b" ")
        os.utime(f"{run}/{name}", ns=(1, 1))
        os.chmod(f"{run}/{name}", 0o444)
    assert sorted(said(run)) == [
        *("error changed a.json", "error changed made", "error changed notes"),
        "note command gone",
    ]


def test_a_byte_that_flipped_in_a_file_that_values_were_written_to_is_no_doing_of_the_command(
    tmp_path,
):
    run = changed_run(tmp_path, "x=2")
    status = os.stat(f"{run}/a.json")
    _write_over(f"{run}/a.json", b'{"x": 3}', status)
    assert "error changed a.json" in said(run)


@pytest.mark.parametrize(
    ("fact", "text", "wanted"),
    [
        ("started", "1\n", "note clock .meta/started"),
        ("id", "0" * 32 + "\n", ""),
        ("parent", "same", "error mismatch .meta/parent"),
        ("proc/lock", "17", "warning left-over .meta/proc/lock"),
        ("surprise", "", "note unknown .meta/surprise"),
        ("attempts/notes", "", "note unknown .meta/attempts/notes"),
        ("attempts/3/exit", "", "error missing .meta/attempts/3"),
        ("manifest", f"s md5:{'0' * 64} d\n", "error damaged .meta/manifest"),
        ("manifest", f"s {'0' * 64} ../d\n", "error damaged .meta/manifest"),
        ("manifest", f"s {'0' * 64} d\n" * 2, "error damaged .meta/manifest"),
        ("log/files", "a s 1 d\n", "error mismatch .meta/log/files"),
        ("output/40_run.index", "1 o 100\n", "error mismatch .meta/output/40_run"),
        ("output/40_run.index", "2 o 1\n1 o 11\n", "error mismatch .meta/output/40_run.index"),
        (
            "output/40_run.index",
            "3 o 1\n2 o 1\n1 o 10\n",
            "error mismatch .meta/output/40_run.index",
        ),
        ("output/40_run.index", "1 o 12\n1 o", "warning cut .meta/output/40_run.index"),
        ("output/40_run.index", "1 o 12\n" + "9" * 99, "error damaged .meta/output/40_run.index"),
        ("output/40_run.index", f"1 o {'9' * 5000}\n", "error damaged .meta/output/40_run.index"),
        ("log/runner", "2026-11-21T10:00:00.000000Z x\n2026-1", "warning cut .meta/log/runner"),
    ],
)
def test_facts_that_contradict_each_other_are_told(run, fact, text, wanted):
    if text == "same":
        text = open_run(run).id + "\n"
    replaced(run, fact, text)
    assert (wanted in said(run)) if wanted else (said(run) == [])


def test_an_index_without_newlines_is_told_of_at_once(run):
    replaced(run, "output/40_run.index", "")
    os.truncate(f"{run}.meta/output/40_run.index", 1 << 31)
    assert bounded(lambda: said(run)) == ""
    assert said(run) == ["error damaged .meta/output/40_run.index"]


def test_half_a_line_that_more_was_appended_to_is_what_a_crash_leaves(run):
    with open(f"{run}.meta/log/runner", encoding="utf-8") as file:
        log = file.read()
    replaced(run, "log/runner", "2026-11-2\n" + log)
    assert said(run) == []
    replaced(run, "log/runner", "nonsense\n" + log)
    assert said(run) == ["error damaged .meta/log/runner"]


def test_a_log_that_lost_its_end_is_no_log_of_a_finished_run(run):
    with open(f"{run}.meta/log/runner", encoding="utf-8") as file:
        log = file.read()
    replaced(run, "log/runner", log[: log.rindex(" finalized with")])
    assert said(run) == ["warning cut .meta/log/runner", "error mismatch .meta/log/runner"]


def test_a_run_that_is_named_by_another_id_is_told(run):
    name = os.path.join(os.path.dirname(run), "0" * 32)
    os.rename(run, name)
    os.rename(f"{run}.meta", f"{name}.meta")
    assert said(name) == ["error mismatch .meta/id"]


def test_the_mode_of_every_file_of_a_finished_run_is_checked(run):
    names = [*(f"{run}.meta/{fact}" for fact in FACTS), f"{run}/made", f"{run}/sub/y", f"{run}/d"]
    for path in names:
        os.chmod(path, 0o644)
    wanted = {f"warning writable {p.removeprefix(run).removeprefix('/')}" for p in names}
    assert set(said(run)) == wanted


def test_a_file_that_others_have_a_link_to_is_a_note(run, tmp_path):
    os.chmod(f"{run}/made", 0o644)
    os.link(f"{run}/made", tmp_path / "theirs")
    assert said(run) == ["note writable made"]


def test_runs_of_every_status_have_nothing_to_be_said_of(tmp_path):
    run = staged_run(tmp_path, ["sh", "-c", "echo x > made; exec sleep 60"], files={"a": "a"})
    log = "2026-11-21T10:00:00.000000Z initialized test\n"
    replaced(run.run_dir, "log/runner", log, 0o664)
    replaced(run.run_dir, "log/files", "a s 1 a\n", 0o664)
    assert said(run.run_dir) == []
    process = start_run(run)
    assert said(run.run_dir) == ["note running"]
    os.kill(process.pid, 9)
    process.wait()
    assert said(run.run_dir) == []
    finalize_run(run)
    assert said(run.run_dir) == []


def test_a_run_that_was_not_finalized_is_told(tmp_path, whole):
    run = copied(whole, str(tmp_path))
    for name in ("proc/exit", "stopped"):
        os.unlink(f"{run}.meta/{name}")
    assert said(run) == ["warning unfinished"]
    assert findings(run)[0].hint == f"gage-finalize {run}"
    done("gage-finalize", run)
    assert said(run) == []


def test_output_that_a_disk_lost_is_for_finalize_to_tell(run):
    for name in ("proc/exit", "stopped"):
        os.unlink(f"{run}.meta/{name}")
    replaced(run, "output/40_run", "late", 0o664)
    assert said(run) == ["warning unfinished"]
    done("gage-finalize", run)
    assert said(run) == []


def test_an_exit_code_that_is_lost_is_no_interruption(run):
    os.unlink(f"{run}.meta/proc/exit")
    assert said(run) == ["error missing .meta/proc/exit"]
    assert "log/runner tells the exit code" in findings(run)[0].hint


def test_a_reopening_that_was_interrupted_is_told(run):
    done("gage-reopen", run)
    assert said(run) == []
    os.unlink(f"{run}.meta/staged")
    assert said(run) == ["warning unfinished"]
    done("gage-reopen", run)
    assert said(run) == []


def test_what_a_reopening_left_of_the_attempt_before_is_told(run):
    done("gage-reopen", run)
    for name in ("summary.json", "output/40_run"):
        os.link(f"{run}.meta/attempts/2/{name}", f"{run}.meta/{name}")
    assert "warning left-over .meta/summary.json" in said(run)
    assert "warning left-over .meta/output/40_run" in said(run)


def test_a_run_that_somebody_holds_is_checked_by_its_facts_alone(run):
    os.unlink(f"{run}/made")
    os.unlink(f"{run}.meta/stopped")
    replaced(run, "opref", "garbage\n")
    lock = take(open_run(run), "runner", finishing=True)
    try:
        assert said(run) == ["note running", "error damaged .meta/opref"]
    finally:
        os.close(lock)
    assert "error missing made" in said(run)


def test_pipelines_and_their_steps_have_nothing_to_be_said_of(tmp_path):
    project = chain(tmp_path)
    assert project.run("outer").code == 0
    assert project.restart("1", "n=2").code == 0
    assert project.gage("run", "-y", "all", "lr=20").code != 0
    assert len(project.rows("train")) == 2
    assert all_said(project) == {}


@pytest.mark.parametrize(
    ("gage_yaml", "words"),
    [
        ("op:\n  exec: echo\n  flags: {x: 1}\n", ["x=[1,2]"]),
        ("$digest: blake3\nop:\n  exec: sh -c 'echo x > made'\n", []),
        ("op: {exec: 'true', sourcecode: no}\n", []),
        ("op: {exec: sh -c 'exit 3'}\n", []),
        ("op: {exec: sh -c 'kill -9 $$'}\n", []),
        ("op: {exec: {stage-sourcecode: echo a, stage-dependencies: echo b > c, run: echo d}}", []),
    ],
)
def test_runs_of_many_kinds_have_nothing_to_be_said_of(tmp_path, gage_yaml, words):
    project = Project(tmp_path, gage_yaml)
    project.run("op", *words)
    assert project.rows("op")
    assert all_said(project) == {}
    project.restart("1")
    project.restart("1", "--force-sourcecode")
    assert all_said(project) == {}


def all_said(project):
    names = [name[:-5] for name in os.listdir(project.home) if name.endswith(".meta")]
    runs = {name: said(os.path.join(project.home, name)) for name in names}
    return {name: lines for name, lines in runs.items() if lines}


def test_the_links_of_a_pipeline_are_followed_to_its_steps(tmp_path):
    project = chain(tmp_path)
    assert project.run("all").code == 0
    parent = project.newest("all")
    steps = project.steps(parent)
    prepare, train = (steps[name].run_dir for name in ("prepare", "train"))
    replaced(prepare, "opref", '2 "" other\n')
    for end in ("", ".meta"):
        shutil.rmtree(train + end)
    os.unlink(f"{parent.run_dir}/evaluate")
    assert said(parent.run_dir) == [
        *("error link prepare", "warning link train", "warning link evaluate")
    ]
    os.symlink("/etc", f"{parent.run_dir}/evaluate")
    assert "error link evaluate" in said(parent.run_dir)
    replaced(prepare, "opref", '2 "" prepare\n')
    assert "error link prepare" not in said(parent.run_dir)
    os.unlink(f"{prepare}.meta/parent")
    assert "warning link prepare" in said(parent.run_dir)


def test_a_run_that_was_there_before_is_a_step_as_good_as_any(tmp_path):
    """Made alone, or for another pipeline: what is not needed once more is linked."""
    steps = "p: {steps: [a x=5, a x=6]}\n"
    project = Project(tmp_path, "a: {exec: 'true', flags: {x: 1}}\n" + steps)
    for words in (["a", "x=7"], ["a", "x=[7,8]", "-n"], ["p"], ["a", "x=[5,6,9]", "-n"]):
        assert project.run(*words).code == 0
    assert len(os.listdir(project.home)) >= 2 * 8
    assert all_said(project) == {}


def test_a_fifo_is_waited_for_nowhere(run):
    home = os.path.dirname(run)
    for path in (f"{run}.meta/id~", f"{run}.meta/proc/x", f"{run}/fifo"):
        os.mkfifo(path)
    for fact in ("id", "started", "output/40_run", "output/40_run.index", "log/runner"):
        os.unlink(f"{run}.meta/{fact}")
        os.mkfifo(f"{run}.meta/{fact}")
    os.makedirs(f"{home}/.locks/one")
    for name in ("runner", "tree", "exit.note"):
        os.mkfifo(f"{home}/.locks/one/{name}")
    told = program("gage-fsck", run)
    assert told.code == 1
    assert told.out.count("\tdamaged\t") == 5


def test_nothing_outside_of_a_run_is_read_through_a_link(run, tmp_path):
    secret = write(str(tmp_path / "secret"), "secret\n", 0o444)
    for fact in ("id", "opref", "log/files", "output/40_run"):
        os.unlink(f"{run}.meta/{fact}")
        os.symlink(secret, f"{run}.meta/{fact}")
    for fact in ("config.json", "proc/cmd.json"):
        os.unlink(f"{run}.meta/{fact}")
        os.symlink("/dev/zero", f"{run}.meta/{fact}")
    told = program("gage-fsck", run)
    assert told.code == 1
    assert told.out.count("\tdamaged\t") == 6
    assert "secret" not in told.out


def test_a_log_that_staging_had_just_begun_is_no_damage(tmp_path):
    run = str(tmp_path / "runs" / "one")
    done("gage-init", run, "--", "true")
    for fact in ("log/runner", "log/files", "log/patched"):
        replaced(run, fact, "", 0o664)
        assert said(run) == []
    done("gage-stage", run, cwd=str(tmp_path))
    assert said(run) == []
    replaced(run, "log/runner", "", 0o664)
    assert said(run) == ["error damaged .meta/log/runner"]


def test_who_checks_a_run_during_its_life_finds_no_damage(tmp_path):
    write_project(str(tmp_path))
    run = str(tmp_path / "runs" / "one")
    done("gage-init", run, "-C", str(tmp_path / "project"), "op", "x=2")
    verbs = 'gage-stage "$1"; {0}; gage-reopen "$1" x=3; {0}; gage-reopen --clean "$1"; {0}'
    script = "set -e; " + verbs.format('gage-exec -q "$1"; gage-finalize "$1"')
    life = begun("sh", "-c", script, "sh", run, cwd=str(tmp_path))
    checks = 0
    while life.poll() is None:
        assert not [line for line in said(run) if line.startswith("error")], findings(run)
        checks += 1
    assert life.wait() == 0
    assert said(run) == []
    assert checks > 10


CALLS = [
    *("write", "rename", "unlink", "unlinkat", "mkdir", "fchmod", "chmod", "fsync", "linkat"),
    *("ftruncate", "symlink", "pwrite64"),
]


@pytest.mark.long
@pytest.mark.skipif(not can_be_killed(), reason="strace cannot be used here")
def test_no_verb_that_is_killed_leaves_what_is_called_damage(tmp_path):
    home, run = str(tmp_path / "runs"), str(tmp_path / "runs" / "one")
    write_project(str(tmp_path))
    words = ("-C", str(tmp_path / "project"), "op", "x=2", "lr=0.5")
    life = [
        *(["gage-init", run, *words], ["gage-stage", run]),
        *(["gage-exec", "-q", run], ["gage-finalize", run], ["gage-reopen", run, "x=3"]),
        *(["gage-exec", "-q", run], ["gage-finalize", run]),
        ["gage-reopen", run, "--clean", "--force-sourcecode"],
    ]
    before = str(tmp_path / "before")
    os.mkdir(home)
    killed = 0
    for argv in life:
        shutil.copytree(home, before, symlinks=True)
        for call in CALLS:
            for count in range(1, 500):
                if not killed_at(count, [call], argv, str(tmp_path)):
                    break
                killed += 1
                _expect_no_damage(run, (argv, call, count))
                _replace_tree(before, home)
            _replace_tree(before, home)
        done(*argv)
        shutil.rmtree(before)
    assert killed > 200


def _expect_no_damage(run, where):
    if not os.path.isdir(f"{run}.meta"):
        return
    wait_until(lambda: "note running" not in said(run))
    assert not [line for line in said(run) if line.startswith("error")], (where, findings(run))
    repair_run(open_run(run))
    assert not any(map(is_mendable, findings(run))), where


def _replace_tree(of, to):
    shutil.rmtree(to)
    shutil.copytree(of, to, symlinks=True)
