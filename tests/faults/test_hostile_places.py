"""Places that a command, or somebody else, has replaced by links to what is none of ours."""

import grp
import json
import os
import pwd
import shutil

import pytest

from gage.errors import GageError, StateError
from gage.plumbing.exec import exec_run
from gage.plumbing.reopen import reopen_run
from gage.run import open_run
from gage.said import set_label
from gage.status import run_status
from gage.trash import delete_run
from gage.trust import is_private_group
from tests.nobody import NOBODY, ordinary_place
from tests.place import ROOT
from tests.porcelain.place import gage, write_run
from tests.programs import program, read, tree, write
from tests.staged import staged_run
from tests.test_archive import finished

REPLACED = (
    "runs/one",
    "runs/one.meta",
    "runs/one.meta/proc",
    "runs/one.meta/output",
    "runs/one.meta/log",
    "runs/one.meta/sys",
    "runs/one.meta/attempts",
    "runs/.tmp",
    "runs/.locks",
    "runs/.locks/one",
    "runs/.trash",
)

VERBS = (
    ("gage-finalize", "runs/one"),
    ("gage-finalize", "runs/one", "--exit-code", "0"),
    ("gage-reopen", "runs/one"),
    ("gage-reopen", "runs/one", "--clean"),
    ("gage-stage", "runs/one"),
    ("gage-exec", "runs/one"),
    ("gage", "--runs", "runs", "restart", "one", "-y"),
    ("gage", "--runs", "runs", "runs", "label", "x", "one"),
    ("gage", "--runs", "runs", "runs", "rm", "one", "-y"),
    ("gage-init", "runs/two", "train"),
)


def stats(top):
    """What changes when a name below *top* is written, linked or removed."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
    found = {path: os.lstat(path) for path in [top, *paths]}
    return {path: (s.st_ino, s.st_nlink, s.st_mode, s.st_ctime_ns) for path, s in found.items()}


@pytest.fixture
def outside(tmp_path):
    """A directory with files of the names that gage itself gives, and of others."""
    place = f"{tmp_path}/outside"
    for name in (
        *("exit", "lock", "cmd.json", "env.json", "40_run", "40_run.index", "files", "runner"),
        *("patched", "manifest", "staged", "started", "stopped", "initialized", "id", "opref"),
        *("proc/exit", "proc/lock", "log/runner", "log/files", "output/40_run", "1/proc/exit"),
        *("identity", "tree", "exit.note", "exit.note.reserved", "one/exit.note", "notes.txt"),
        *("train.py", "made", "summary.json", "40_run.script", "headroom.0", "headroom.4"),
        *("one/40_run.script", "one/identity", "one/tree", "one/runner", "one/headroom.4"),
        *("one/headroom.0", "output/50_finalize", "50_finalize", "50_finalize.index"),
    ):
        write(f"{place}/{name}", f"{name} is mine\n", 0o664)
    return place


@pytest.mark.parametrize("place", REPLACED)
def test_what_the_command_replaced_by_a_link_leads_nowhere(tmp_path, outside, place):
    here = f"{tmp_path}/project"
    write(
        f"{here}/gage.yaml",
        f"train:\n  exec: |\n    echo made > made; cd {here}\n"
        f"    [ -L {place} ] && exit 3\n"
        f"    mv {place} {tmp_path}/moved 2>/dev/null; ln -s {outside} {place}; exit 3\n",
    )
    assert program("gage-init", "runs/one", "train", cwd=here).code == 0
    assert program("gage-stage", "runs/one", cwd=here).code == 0
    before = tree(outside)
    told = program("gage-exec", "runs/one", cwd=here)
    assert (told.code, tree(outside)) == (3, before)
    for words in VERBS:
        told = program(*words, cwd=here)
        assert "Traceback" not in told.err, (words, told)
        assert tree(outside) == before, words


@pytest.mark.parametrize("again", ["gage-reopen", "gage restart"])
@pytest.mark.parametrize("name", ["output", "proc", "log", "attempts"])
def test_a_run_whose_facts_lead_elsewhere_is_reopened_when_the_link_is_gone(tmp_path, name, again):
    run = finished(str(tmp_path))
    place = f"{run.meta_dir}/{name}"
    if name == "attempts":
        os.mkdir(place)
    os.rename(place, f"{tmp_path}/moved")
    os.symlink(f"{tmp_path}/moved", place)
    before = stats(f"{tmp_path}/moved")
    facts = stats(run.meta_dir)
    words = [*again.split(), run.run_dir, *(["-y"] if again == "gage restart" else [])]
    told = program(*words)
    assert told.code in (20, 125), told
    assert told.err == (
        f"{again}: {place}: a link, where a directory should be\nhint: rm {place}\n"
    )
    assert (stats(f"{tmp_path}/moved"), stats(run.meta_dir)) == (before, facts)
    if name == "output":
        os.unlink(place)
        assert program(*words).code == 0
        assert stats(f"{tmp_path}/moved") == before


def test_the_output_of_a_runner_that_was_killed_is_not_mended_behind_a_link(tmp_path):
    here = f"{tmp_path}/project"
    mine = write(f"{tmp_path}/mine/40_run.index", "1 o 999\n")
    output = f"{here}/one.meta/output"
    command = f"mv {output} .; ln -s {tmp_path}/mine {output}; kill -9 $PPID"
    write(f"{here}/gage.yaml", f"train: {command}\n")
    for verb in ("init", "stage"):
        assert program(f"gage-{verb}", "one", *(["train"] * (verb == "init")), cwd=here).code == 0
    assert program("gage-exec", "one", cwd=here).code == -9
    assert program("gage-finalize", "one", cwd=here).code == 0
    assert read(mine) == "1 o 999\n"


def test_nothing_is_removed_behind_a_link_in_place_of_the_locks(tmp_path):
    here, outside = f"{tmp_path}/project", f"{tmp_path}/outside"
    write(f"{here}/gage.yaml", "train: echo hello\n")
    env = {"GAGE_RUNS": f"{here}/runs"}
    assert program("gage", "run", "train", "-y", cwd=here, env=env).code == 0
    (id,) = (name for name in os.listdir(f"{here}/runs") if len(name) == 32)
    os.rename(f"{here}/runs/.locks", outside)
    for name in ("exit.note", "headroom.4", "40_run.script"):
        write(f"{outside}/{id}/{name}", "mine\n")
    os.utime(f"{outside}/{id}", (0, 0))
    run = delete_run(open_run(f"{here}/runs/{id}"))
    shutil.move(f"{here}/runs/.locks", f"{tmp_path}/new")
    os.symlink(outside, f"{here}/runs/.locks")
    before = tree(outside)
    assert program("gage", "check", "--runs", "--repair", cwd=here, env=env).code == 0
    assert program("gage", "runs", "purge", run.id, "-y", cwd=here, env=env).code == 0
    assert tree(outside) == before


@pytest.mark.parametrize("name", [".tmp", ".locks", ".trash", ".index"])
def test_a_link_that_was_planted_in_a_runs_home_is_not_followed(tmp_path, outside, name):
    here = f"{tmp_path}/project"
    write(f"{here}/gage.yaml", "train: echo hello\n")
    home = f"{here}/.gage/runs"
    os.makedirs(home)
    target = outside if name != ".index" else f"{outside}/notes.txt"
    os.symlink(target, f"{home}/{name}")
    before = tree(outside)
    for words in (
        ("run", "train", "-y"),
        ("runs",),
        ("restart", "train", "-y"),
        ("runs", "label", "x", "1"),
        ("runs", "rm", "1", "-y"),
        ("runs", "restore", "1"),
        ("runs", "purge", "1", "-y"),
    ):
        told = program("gage", *words, cwd=here)
        assert "Traceback" not in told.err, (words, told)
        assert tree(outside) == before, words


KEPT = ("mine", "deep", ".txt", ".jpg", "/x")


@pytest.mark.parametrize("where", [".", "..", "~", "/"])
def test_a_runs_home_that_holds_other_things_loses_none_of_them(tmp_path, where):
    home = f"{tmp_path}/home"
    here = f"{home}/project"
    target = {"~": home, "/": f"{tmp_path}/elsewhere"}.get(where, where)
    write(f"{here}/gage.yaml", f"train: echo hello\n$runs-dir: {target}\n")
    place = os.path.normpath(os.path.join(here, target))
    for name in (
        *(".tmp/mine", ".tmp/old/deep", ".trash/mine", ".trash/0-x/mine", ".locks/mine"),
        *("notes.meta.txt", "photos/one.jpg", "data/x", "one.user.txt"),
    ):
        path = write(f"{place}/{name}", f"{name} is mine\n")
        os.utime(path, (0, 0))
        os.utime(os.path.dirname(path), (0, 0))
    kept = {
        path: held for path, held in tree(place).items() if path.endswith(("mine", "g", "t", "x"))
    }
    for words in (
        ("run", "train", "-y"),
        ("runs", "label", "x", "1"),
        ("restart", "1", "-y"),
        ("runs", "rm", "1", "-y"),
        ("runs", "purge", "1", "-y"),
        ("run", "train", "-y"),
        ("check", "--runs", "--repair"),
    ):
        told = program("gage", *words, cwd=here, env={"HOME": home})
        assert "Traceback" not in told.err, (words, told)
        after = tree(place)
        assert {path: after.get(path) for path in kept} == kept, words


def test_where_anybody_may_write_no_run_is_begun(tmp_path):
    home = f"{tmp_path}/runs"
    os.mkdir(home)
    os.chmod(home, 0o777)
    told = program("gage-init", f"{home}/one", "--", "true")
    assert told.code == 20
    assert told.err == (
        f"gage-init: {home}: no place for runs: anybody may write there\nhint: chmod o-w {home}\n"
    )
    assert os.listdir(home) == []
    os.chmod(home, 0o1777)
    assert program("gage-init", f"{home}/one", "--", "true").code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_in_a_home_of_another_no_run_is_begun_though_it_be_sticky(tmp_path):
    home = f"{tmp_path}/runs"
    os.mkdir(home)
    os.chmod(home, 0o1777)
    os.chown(home, NOBODY, NOBODY)
    told = program("gage-init", f"{home}/one", "--", "true")
    assert (told.code, os.listdir(home)) == (20, [])
    assert f"{home}: no place for runs: it belongs to nobody" in told.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
@pytest.mark.parametrize("place", [".locks", ".locks/one", ".tmp"])
def test_what_another_made_in_place_of_our_locks_is_not_believed(tmp_path, place):
    run = staged_run(tmp_path, "#!/bin/sh\necho ours\n")
    target = os.path.join(run.home, place.replace("one", run.name))
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    os.chown(target, NOBODY, NOBODY)
    told = program("gage-exec", run.run_dir)
    assert (told.code, told.out) == (125, "")
    assert f"{target}: belongs to nobody, who could change what gage keeps there" in told.err
    os.chown(target, 0, 0)
    os.chmod(target, 0o777)
    told = program("gage-exec", run.run_dir)
    assert f"{target}: others may write there\nhint: chmod go-w {target}" in told.err
    os.chmod(target, 0o700)
    assert program("gage-exec", run.run_dir).out == "ours\n"


def test_where_others_may_write_by_now_nothing_is_run(tmp_path):
    run = staged_run(tmp_path, "echo ours")
    os.chmod(run.home, 0o777)
    told = program("gage-exec", run.run_dir)
    assert (told.code, told.out) == (125, "")
    assert f"{run.home}: no place for runs: anybody may write there" in told.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_an_ordinary_user_runs_nothing_that_another_has_staged_for_him(tmp_path):
    with ordinary_place() as place:
        os.chmod(place, 0o755)
        run = staged_run(place, "touch ran")
        for path, mode in ((run.home, 0o755), (run.meta_dir, 0o777), (run.run_dir, 0o777)):
            os.chmod(path, mode)
        os.seteuid(0)
        os.seteuid(12345)
        try:
            with pytest.raises(StateError, match="belongs to nobody, and is read but not changed"):
                exec_run(run)
        finally:
            os.seteuid(0)
            os.seteuid(NOBODY)
        assert not os.path.exists(f"{run}/ran")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_where_a_group_of_others_may_write_no_run_is_begun(tmp_path):
    home = f"{tmp_path}/runs"
    os.mkdir(home)
    os.chmod(home, 0o775)
    assert program("gage-init", f"{home}/one", "--", "true").code == 0  # root's group is root's
    os.chown(home, 0, NOBODY)
    told = program("gage-init", f"{home}/two", "--", "true")
    group = grp.getgrgid(NOBODY).gr_name
    assert (told.code, told.err) == (
        20,
        f"gage-init: {home}: no place for runs: the group {group} may write there\n"
        f"hint: chmod g-w {home}\n",
    )
    os.chmod(home, 0o1775)
    assert program("gage-init", f"{home}/two", "--", "true").code == 0
    os.chmod(home, 0o755)
    assert program("gage-init", f"{home}/three", "--", "true").code == 0


def test_a_group_is_private_that_is_named_or_numbered_as_its_only_user(monkeypatch):
    def group(name, gid, members):
        monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group((name, "x", gid, members)))
        return is_private_group(gid)

    gid = os.getegid()
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert group(me, gid, []) and group(me, gid, [me])
    assert not group(me, gid, [me, "other"])
    assert not group(me, gid + 1, [])
    monkeypatch.setattr(os, "geteuid", lambda: gid + 1)
    assert not group("users", gid, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give runs away")
@pytest.mark.parametrize("part", ["", "one", "one.meta"])
def test_root_reads_what_belongs_to_another_and_does_not_touch_it(tmp_path, part):
    home = f"{tmp_path}/runs"
    os.mkdir(home)
    deleted = delete_run(finished(home))
    run = finished(home)
    os.chown(os.path.join(home, part), NOBODY, NOBODY)
    before = tree(home)
    people = ("gage", "--runs", home)
    for words in ((*people, "runs"), (*people, "show", "one"), (*people, "cat", "one", "out/made")):
        assert program(*words).code == 0, words
    for verb in ("status", "manifest", "output", "fsck"):
        assert program(f"gage-{verb}", run.run_dir).code == 0, verb
    acts = [
        (*people, "restart", "one", "-y"),
        (*people, "runs", "rm", "one", "-y"),
        (*people, "runs", "stop", "one", "-y"),
        (*people, "runs", "label", "x", "one"),
        (*people, "runs", "tag", "x", "one"),
        (*people, "runs", "comment", "x", "one"),
        ("gage-reopen", run.run_dir),
        ("gage-finalize", run.run_dir),
        ("gage-stage", run.run_dir),
        ("gage-link-steps", run.run_dir, f"step={run.run_dir}"),
    ]
    if not part:
        acts += [
            (*people, "runs", "restore", deleted.id),
            (*people, "runs", "purge", deleted.id, "-y"),
            ("gage-init", f"{home}/two", "--", "true"),
            ("gage-fsck", "--repair", "--runs", home),
        ]
    for words in acts:
        told = program(*words)
        if words[0] != "gage-fsck":
            assert told.code in (20, 125), (words, told)
            assert "belongs to nobody" in told.err, (words, told)
            assert "gage --trust, or GAGE_TRUST=1, does so once" in told.err
        assert tree(home) == before, words
    label = ("runs", "label", "x", "one")
    assert program(*people, *label, env={"SUDO_UID": str(NOBODY)}).code == 0
    assert program("gage", "--trust", *people[1:], *label).code == 0
    assert program("gage-reopen", run.run_dir, env={"GAGE_TRUST": "1"}).code == 0


def test_what_is_no_run_of_gage_is_not_deleted(tmp_path):
    for name in ("photos", "photos.meta"):
        write(f"{tmp_path}/{name}/one.jpg", "mine\n")
    before = tree(str(tmp_path))
    for spec in ("photos", f"{tmp_path}/photos"):
        for words in (("rm", spec, "-y"), ("label", "x", spec), ("stop", spec, "-y")):
            told = program("gage", "--runs", str(tmp_path), "runs", *words)
            assert told.code == 20, (words, told)
            assert "no run of gage: photos.meta has none of its facts" in told.err
            assert tree(str(tmp_path)) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_a_run_of_another_user_is_read_and_not_touched(tmp_path):
    delete_run(finished(str(tmp_path)))  # who is no root may not read what is to be imported
    with ordinary_place() as place:
        run = finished(place)
        os.chmod(place, 0o755)
        before = tree(place)
        os.seteuid(0)
        os.seteuid(12345)
        try:
            assert run_status(run) == "completed"
            for act in (reopen_run, delete_run, lambda run: set_label(run, "x")):
                with pytest.raises((OSError, GageError)):
                    act(run)
        finally:
            os.seteuid(0)
            os.seteuid(NOBODY)
        assert tree(place) == before


@pytest.mark.parametrize("target", ["/", "/etc/passwd", "../..", "../all", ".", "../../outside"])
def test_links_of_steps_never_lead_out_and_never_in_circles(tmp_path, target):
    here = f"{tmp_path}/project"
    write(f"{here}/gage.yaml", "one: echo hello\nall: {steps: [one]}\nouter: {steps: [all]}\n")
    write(f"{tmp_path}/outside/kept", "mine\n")
    home = ("--runs", "runs")
    assert program("gage", *home, "run", "all", "-y", "--run-dir", "runs/all", cwd=here).code == 0
    link = f"{here}/runs/all/one"
    os.unlink(link)
    os.symlink(target, link)
    before = tree(f"{tmp_path}/outside")
    for words in (
        ("show", "all"),
        ("runs",),
        ("restart", "all", "-y"),
        ("runs", "stop", "all", "-y"),
        ("runs", "label", "x", "all"),
        ("runs", "export", "all", "-o", f"{tmp_path}/a.tar"),
        ("check", "--runs"),
        ("runs", "rm", "all", "-y"),
    ):
        told = program("gage", *home, *words, cwd=here)
        assert "Traceback" not in told.err, (words, told)
        assert tree(f"{tmp_path}/outside") == before


STEPS = json.dumps({"steps": ["all"]})
BATCH = json.dumps({"steps": [{"run": "all", "name": "all"}], "batch": {"lr": "[1]"}})


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("opdef", [STEPS, BATCH], ids=["pipeline", "batch"])
@pytest.mark.parametrize("phase", ["pending", "staged", "completed"])
def test_no_verb_goes_round_in_a_circle(tmp_path, size, opdef, phase):
    home = f"{tmp_path}/runs"
    write(f"{tmp_path}/gage.yaml", "all: echo hello\n")
    ids = [f"{number:04x}" * 8 for number in range(1, size + 1)]
    for number, id in enumerate(ids):
        facts = {"opdef.json": opdef, "parent": ids[number - 1], "proc/cmd.json": '["true"]'}
        write_run(home, number + 1, "all", exit=0 if phase == "completed" else None, facts=facts)
        if phase == "pending":
            os.unlink(f"{home}/{id}.meta/staged")
            os.unlink(f"{home}/{id}.meta/manifest")
        os.symlink(f"../{ids[number - 1]}", f"{home}/{id}/all")
    first = ids[0]
    for words in (
        ("show", first),
        ("runs", "export", first, "-o", f"{tmp_path}/a.tar"),
        ("restart", first, "-y"),
        ("restart", first, "lr=1", "-y"),
        ("restart", first, "--needed", "-y"),
        ("run", "--start", first, "-y"),
        ("runs", "diff", first, ids[-1]),
        ("runs", "stop", first, "-y"),
        ("check", "--runs"),
        ("link-steps", f"{home}/{first}"),
        ("run-steps", f"{home}/{first}"),
        ("run-steps", f"{home}/{first}", "--needed"),
        ("reopen", f"{home}/{first}"),
        ("stage", f"{home}/{first}"),
        ("fsck", f"{home}/{first}"),
        ("runs", "rm", first, "-y"),
    ):
        told = gage("--runs", home, *words, cwd=str(tmp_path))
        assert "Traceback" not in told.err, (words, told)
        if words[0] == "run-steps":
            why = "has ended" if phase == "completed" else "a link that leads back to its own"
            assert why in told.err, told


def test_staging_anew_removes_no_run_but_those_that_it_began(tmp_path):
    here = f"{tmp_path}/project"
    write(f"{here}/gage.yaml", "one: echo hello\nall: {steps: [one]}\n")
    for run_dir in ("runs/mine", "runs/theirs"):
        assert program("gage-init", run_dir, "one", cwd=here).code == 0
        assert program("gage-stage", run_dir, cwd=here).code == 0
    write(f"{here}/runs/theirs.meta/parent", "f" * 32 + "\n")
    before = {name: tree(f"{here}/runs/{name}.meta") for name in ("mine", "theirs")}
    for name in before:
        assert program("gage-init", f"runs/of-{name}", "all", cwd=here).code == 0
        os.mkdir(f"{here}/runs/of-{name}")
        os.symlink(f"../{name}", f"{here}/runs/of-{name}/one")
        assert program("gage-stage", f"runs/of-{name}", cwd=here).code == 0
        assert tree(f"{here}/runs/{name}.meta") == before[name]
        assert os.path.isdir(f"{here}/runs/{name}")


def test_gage_may_go_while_a_run_runs(tmp_path):
    package = f"{tmp_path}/site/gage"
    shutil.copytree(os.path.join(ROOT, "gage"), package)
    here = f"{tmp_path}/project"
    write(f"{here}/gage.yaml", f"train:\n  exec: rm -r {package}; echo gone; exit 3\n")
    env = {"PYTHONPATH": f"{tmp_path}/site", "GAGE_RUNS": f"{here}/runs"}
    told = program("gage", "run", "train", "-y", "--run-dir", "runs/one", cwd=here, env=env)
    assert (told.code, told.out) == (3, "gone\n")
    assert "Traceback" not in told.err
    run = open_run(f"{here}/runs/one")
    if run_status(run) != "error":
        assert program("gage-finalize", run.run_dir).code == 0
    assert (run_status(run), program("gage-output", run.run_dir).out) == ("error", "gone\n")
    assert program("gage", "--runs", "runs", "check", "--runs", cwd=here).out == "1 run: ok\n"


def test_a_run_of_a_newer_gage_is_refused_by_name(tmp_path):
    run = finished(str(tmp_path))
    os.chmod(f"{run.meta_dir}/__schema__", 0o644)
    write(f"{run.meta_dir}/__schema__", "2\n")
    before = tree(str(tmp_path))
    for verb in ("stage", "exec", "finalize", "reopen", "manifest", "link-steps", "run-steps"):
        told = program(f"gage-{verb}", run.run_dir)
        assert told.code in (20, 125), verb
        assert "made by another gage (schema 2; this one knows 1)" in told.err
    people = ("gage", "--runs", str(tmp_path), "runs")
    for words in (
        *(("rm", "one", "-y"), ("label", "x", "one"), ("tag", "x", "one"), ("comment", "x", "one")),
        ("stop", "one", "-y"),
    ):
        told = program(*people, *words)
        assert told.code == 20, words
        assert "made by another gage (schema 2; this one knows 1)" in told.err
    assert program("gage-status", run.run_dir).out == "unknown\n"
    assert "unknown" in program("gage", "--runs", str(tmp_path), "runs").out
    assert {p: h for p, h in tree(str(tmp_path)).items() if not p.startswith(".index")} == before


def test_a_deleted_run_of_a_newer_gage_stays_in_the_trash(tmp_path):
    run = delete_run(finished(str(tmp_path)))
    os.chmod(f"{run.meta_dir}/__schema__", 0o644)
    write(f"{run.meta_dir}/__schema__", "2\n")
    before = tree(run.home)
    people = ("gage", "--runs", str(tmp_path), "runs")
    for words in (("restore", run.name), ("purge", run.name, "-y")):
        told = program(*people, *words)
        assert (told.code, tree(run.home)) == (20, before), words
        assert "made by another gage (schema 2; this one knows 1)" in told.err
    assert "unknown" in program(*people, "--deleted").out
