import hashlib
import json
import os
import socket
import subprocess

import pytest

from gage.files_log import read_events
from gage.locks import holding
from gage.manifest import Entry, read_manifest
from gage.run import open_run, run_names
from tests.nobody import NOBODY
from tests.programs import (
    begun,
    can_be_killed,
    is_alive,
    killed_at,
    nobody_can_run,
    open_place,
    program,
    read,
    tree,
    wait_until,
    write,
)

HOOKS = ("stage-sourcecode", "stage-runtime", "stage-dependencies")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with an empty ``project``, that we are in."""
    os.mkdir(tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


def define(definition=None, *, project="project", **files):
    """Write the gage file of a project, with one operation, and files of it."""
    operation = {"exec": "true", **(definition or {})}
    write(f"{project}/gage.json", json.dumps({"op": operation}))
    for path, text in files.items():
        write(f"{project}/{path}", text)


def init(run="runs/one", *words, project="project"):
    told = program("gage-init", run, "-C", project, "op", *words)
    assert told.code == 0, told.err
    return told.out.removesuffix("\n")


def stage(run="runs/one", *words, **more):
    return program("gage-stage", run, *words, **more)


def staged(*words, run="runs/one", said=""):
    init(run, *words)
    assert stage(run) == ("", said, 0)
    return open_run(run)


def files_of(run):
    return {entry.path for entry in read_manifest(run)}


def runs():
    """All there is in the runs home, but for the locks."""
    return {path: held for path, held in tree("runs").items() if not path.startswith(".locks")}


def log_of(run):
    return read(f"{run}.meta/log/runner")


def digest(text):
    return hashlib.sha256(os.fsencode(text)).hexdigest()


# What is copied


def test_source_code_is_copied_sealed_and_recorded(place):
    define(None, **{"train.py": "x = 1\n", "lib/util.py": "y = 2\n"})
    run = staged()
    assert read("runs/one/lib/util.py") == "y = 2\n"
    assert Entry("s", digest("x = 1\n"), "train.py") in read_manifest(run)
    assert {e.path for e in read_events(run)} == files_of(run)
    assert {mode for mode, _ in tree("runs/one").values()} == {"drwxr-xr-x", "-r--r--r--"}
    assert program("gage-status", "runs/one").out == "staged\n"
    check = subprocess.run(
        "sed -n 's/^s //p' ../one.meta/manifest | sed 's/ /  /' | sha256sum --check --quiet",
        shell=True,
        cwd="runs/one",
    )
    assert check.returncode == 0


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_executable_stays_so_and_nothing_else_of_the_mode(place, umask):
    define()
    for name, mode in [("x", 0o777), ("own", 0o700), ("set", 0o6755), ("plain", 0o666)]:
        write(f"project/{name}", "#!/bin/sh\n", mode)
    init()
    assert stage(umask=umask).code == 0
    modes = {name: mode for name, (mode, _) in tree("runs/one").items()}
    assert modes["x"] == "-r-xr-xr-x"
    assert modes["own"] == "-r-x------"
    assert modes["set"] == "-r-xr-xr-x"
    assert modes["plain"] == "-r--r--r--"


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_others_never_write_to_a_staged_run(place, umask):
    define({"config": "lib/a.py", **hooks(stage_runtime="true")}, **{"lib/a.py": "x = 1\n"})
    assert program("gage-init", "runs/one", "-C", "project", "x=2", umask=umask).code == 0
    assert stage(umask=umask).code == 0
    modes = {
        path: os.stat(f"runs/{path}").st_mode & 0o777
        for path in ("one", "one/lib", "one.meta/log", "one.meta/output", "one.meta/manifest")
    }
    writable = {path: 0o664 if path.endswith("manifest") else 0o775 for path in modes}
    assert modes == {path: mode & ~umask for path, mode in writable.items()}


@pytest.mark.parametrize(
    ("home", "pattern"),
    [
        ("project/.gage/runs", None),
        ("project/.gage/runs", ["**", ".gage/**"]),
        ("project/runs", None),
        ("project/runs", ["**", "runs/**"]),
        ("project", None),
        ("project", ["*", "first/**", "first.meta/**"]),
    ],
)
def test_runs_never_copy_themselves(place, pattern, home):
    define({"sourcecode": pattern} if pattern else {}, **{"a.py": "a"})
    init(f"{home}/first")
    init(f"{home}/second")
    stage(f"{home}/first")
    assert stage(f"{home}/second").code == 0
    files = files_of(open_run(f"{home}/second"))
    assert files <= {"a.py", "gage.json"}


def test_links_stay_links(place):
    define(None, **{"data/a.txt": "a"})
    os.symlink("data/a.txt", "project/file")
    os.symlink("data", "project/folder")
    os.symlink("nothing", "project/dangling")
    os.symlink(".", "project/loop")
    os.symlink(f"{place}/project/data/a.txt", "project/absolute")
    run = staged()
    held = {name: text for name, (mode, text) in tree("runs/one").items() if mode[0] == "l"}
    assert held == {
        "file": "data/a.txt",
        "folder": "data",
        "dangling": "nothing",
        "loop": ".",
        "absolute": "data/a.txt",
    }
    entry = next(e for e in read_manifest(run) if e.path == "file")
    assert entry.digest == "link:" + digest("data/a.txt")


@pytest.mark.parametrize("kind", ["FIFO", "socket", "link out", "link up"])
@pytest.mark.parametrize("rule", [None, ["**"]])
def test_what_cannot_be_copied_is_named_and_nothing_is_left_behind(place, kind, rule):
    define({"sourcecode": rule} if rule else {}, **{"a.py": "a"})
    odd = "project/lib/odd thing"
    os.mkdir("project/lib")
    if kind == "FIFO":
        os.mkfifo(odd)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(odd)
    elif kind == "link out":
        os.symlink("/etc/passwd", odd)
    else:
        os.symlink("../../elsewhere", odd)
    init()
    before = runs()
    told = stage()
    assert told.code == 20
    assert f"{place}/project/lib/odd thing: " in told.err
    assert runs() == before
    os.unlink(odd)
    assert stage().code == 0


def test_an_ordinary_user_is_told_what_cannot_be_read():
    if not nobody_can_run():
        pytest.skip("an ordinary user cannot run gage here")
    with open_place() as place:
        for path, mode in [("a.py", 0o644), ("secret", 0o000), ("closed/b.py", 0o644)]:
            write(f"{place}/project/{path}", "x", mode)
        os.chmod(f"{place}/project/closed", 0o000)
        if os.geteuid() == 0:
            for path in ("project", "project/a.py", "project/secret", "project/closed"):
                os.chown(f"{place}/{path}", NOBODY, NOBODY)
        write(f"{place}/op.json", '{"exec": "true"}')
        words = ("runs/one", "--opdef", "../op.json")
        more = {"cwd": f"{place}/project", "nobody": True}
        assert program("gage-init", *words, **more).code == 0
        told = program("gage-stage", "runs/one", **more)
        assert told.code == 20
        assert "project/secret: cannot be read" in told.err
        assert "project/closed: cannot be read" in told.err
        assert not os.path.exists(f"{place}/project/runs/one")


ODD = [
    "new\nline",
    "trailing ",
    " leading",
    "tab\t",
    "cr\r",
    "back\\slash",
    "\udcff\udcfe",
    "ü" * 127,
]


@pytest.mark.parametrize("git", [True, False])
def test_any_file_name_goes_round(place, git):
    define(None, **{f"{folder[:9]}/{name}": "odd" for folder in ODD for name in ODD})
    if git:
        subprocess.run(["git", "init", "-q", "project"], check=True)
    run = staged()
    paths = {f"{folder[:9]}/{name}" for folder in ODD for name in ODD}
    assert {Entry("s", digest("odd"), path) for path in paths} < set(read_manifest(run))
    assert {read(f"runs/one/{path}") for path in paths} == {"odd"}
    assert paths < {event.path for event in read_events(run)}
    assert program("gage-manifest", "--check", "runs/one").code == 0
    assert program("gage-exec", "runs/one").code == 0
    assert program("gage-finalize", "runs/one").code == 0
    assert paths < files_of(run)


def test_git_is_asked_what_is_ignored(place):
    define(None, **{"a.py": "", "b.log": "", "kept.log": "", "sub/.gitignore": "c.py\n"})
    write("project/sub/c.py", "")
    write("project/.gitignore", "*.log\n")
    assert "b.log" not in files_of(staged(run="runs/plain"))
    subprocess.run(["git", "init", "-q"], cwd="project", check=True)
    subprocess.run(["git", "add", "-f", "kept.log"], cwd="project", check=True)
    write("project/.git/info/exclude", "a.py\n")
    files = files_of(staged())
    assert files >= {"kept.log", "gage.json", ".gitignore", "sub/.gitignore"}
    assert not files & {"a.py", "b.log", "sub/c.py"}


def test_what_the_rule_leaves_out_is_said(place):
    define(None, **{"a.py": "a", "model.bin": "\0", "large.csv": "1\n" * 600_000})
    init()
    told = stage()
    assert told.code == 0
    assert sorted(told.err.split("\n")) == [
        "",
        "gage-stage: left out large.csv: larger than 1 MB; the pattern /large.csv takes it",
        "gage-stage: left out model.bin: binary; the pattern /model.bin takes it",
    ]
    assert "left out model.bin" in log_of("runs/one")
    init("runs/two")
    assert stage("runs/two", "-q").err == ""


def test_a_project_may_copy_nothing(place):
    define({"sourcecode": False}, **{"a.py": "a"})
    assert files_of(staged()) == set()
    assert os.listdir("runs/one") == []


def test_a_project_that_is_gone_is_said_and_leaves_the_run_as_it_is(place):
    for rule in ({}, {"sourcecode": False}):
        define(rule)
        init("runs/one")
        os.rename("project", "moved")
        before = runs()
        told = stage()
        assert told.code == 10
        assert told.err == f"gage-stage: {place}/project: no such directory\n"
        assert runs() == before
        assert stage("runs/one", "-C", "moved").code == 0
        os.rename("moved", "project")
        subprocess.run(["rm", "-rf", "runs"], check=True)


def test_a_file_that_changes_while_it_is_copied_is_noticed(place):
    define({"sourcecode": ["data"]}, data="x" * 40_000_000)
    init()
    script = "while :; do printf y | dd of=project/data conv=notrunc status=none; done"
    writer = begun("sh", "-c", script, cwd=place)
    try:
        told = stage()
    finally:
        os.killpg(writer.pid, 9)
        writer.wait()
    assert told.code == 20
    assert "project/data: changed while it was copied" in told.err
    assert program("gage-status", "runs/one").out == "pending\n"
    assert stage().code == 0


# When


def test_a_run_is_staged_once(place):
    define()
    staged()
    before = tree("runs")
    told = stage()
    assert (told.out, told.code) == ("", 20)
    assert told.err == "gage-stage: runs/one: already staged\nhint: gage-exec runs/one\n"
    assert tree("runs") == before


def test_of_many_that_stage_a_run_one_wins(place):
    define(None, **{f"f{i}": "x" * 1000 for i in range(50)})
    init()
    processes = [begun("gage-stage", "runs/one", cwd=place) for _ in range(6)]
    codes = sorted(process.wait() for process in processes)
    assert codes[0] == 0
    assert set(codes[1:]) <= {11, 20}
    assert len(files_of(open_run("runs/one"))) == 51
    assert program("gage-manifest", "--check", "runs/one").code == 0


def test_a_run_that_another_holds_is_left_alone(place):
    define()
    init()
    with holding(open_run("runs/one")):
        told = stage()
    assert told.code == 11
    assert told.err == "gage-stage: runs/one: another process holds the run\nhint: try again\n"
    assert stage().code == 0


def test_usage_and_missing_runs_have_codes_of_their_own(place):
    assert stage("nowhere").code == 10
    assert program("gage-stage").code == 2
    assert stage("runs/one", "--phase", "none").code == 2


def test_a_staged_run_outlives_its_project(place):
    define(
        {"exec": "./run.sh", "config": "a.json"},
        **{"run.sh": "#!/bin/sh\ncat a.json lib/b\n", "a.json": '{"x": 1}\n', "lib/b": "b\n"},
    )
    os.chmod("project/run.sh", 0o755)
    staged("x=2")
    subprocess.run(["rm", "-r", "project"], check=True)
    os.rename("runs", "elsewhere")
    told = program("gage-exec", "elsewhere/one")
    assert told == ('{"x": 2}\nb\n', "", 0)
    assert program("gage-finalize", "elsewhere/one") == ("", "", 0)
    assert program("gage-status", "elsewhere/one").out == "completed\n"


def test_the_project_cannot_be_changed_through_the_run(place):
    define({"exec": "chmod u+w a; echo changed > a"}, a="mine\n")
    os.link("project/a", "project/b")
    staged()
    program("gage-exec", "runs/one")
    program("gage-finalize", "runs/one")
    assert read("runs/one/a") == "changed\n"
    assert read("project/a") == read("runs/one/b") == "mine\n"
    assert os.stat("runs/one/b").st_nlink == 1


# Config


def test_only_the_literals_change(place):
    source = "# first\r\nlr = 0.10  # rate\nname = 'a'\n\n\nepochs=3;x = [1,  2]\n"
    define({"config": ["a.py", "conf.yaml"]}, **{"a.py": source, "conf.yaml": "db:\n  n: 1 # n\n"})
    run = staged("lr=0.25", "x.1=7", "db.n=9")
    assert read("runs/one/a.py") == source.replace("0.10", "0.25").replace("1,  2", "1,  7")
    assert read("runs/one/conf.yaml") == "db:\n  n: 9 # n\n"
    assert read("project/a.py") == source
    assert {e.event + e.path for e in read_events(run) if e.event == "m"} == {"ma.py", "mconf.yaml"}
    entry = next(e for e in read_manifest(run) if e.path == "a.py")
    assert (entry.type, entry.digest) == ("s", digest(read("runs/one/a.py")))


def test_the_patch_is_one_that_patch_takes_back(place):
    files = {
        "a.py": "x = 1\ny = 2",
        "sub dir/b.json": '{"z": 1}',
        "c.yaml": "k: 1\r\nl: 2\r\n",
        "tab\tname.json": '{"t": 1}\n',
        "ümlaut.json": '{"u": 1}\n',
    }
    define({"config": ["a.py", "*/b.json", "c.yaml", "tab*", "ü*"]}, **files)
    staged("y=3", "z=4", "l=5", "t=6", "u=7")
    subprocess.run(["cp", "-r", "runs/one", "copy"], check=True)
    subprocess.run(["chmod", "-R", "u+w", "copy"], check=True)
    done = subprocess.run(
        ["patch", "-R", "-p0", "--binary", "-i", "../runs/one.meta/log/patched"],
        cwd="copy",
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout.decode() + read("runs/one.meta/log/patched")
    for path, text in files.items():
        assert read(f"copy/{path}") == text


def test_what_config_leaves_as_it_is_is_not_patched(place):
    define({"config": "a.py"}, **{"a.py": "x = 1\n"})
    run = staged("x=1")
    assert not os.path.exists("runs/one.meta/log/patched")
    assert not [event for event in read_events(run) if event.event == "m"]


def test_a_key_in_two_files_is_changed_in_the_one_that_is_named(place):
    define({"config": ["a.py", "b.py"]}, **{"a.py": "x = 1\n", "b.py": "x = 1\n"})
    told = program("gage-init", "runs/one", "-C", "project", "op", "x=2")
    assert told.code == 30
    assert "a.py#x or b.py#x" in told.err
    staged("b.py#x=2")
    assert (read("runs/one/a.py"), read("runs/one/b.py")) == ("x = 1\n", "x = 2\n")


def test_a_key_that_nothing_has_is_refused_when_the_source_has_changed(place):
    define({"config": "a.py"}, **{"a.py": "rate = 1\n"})
    init("runs/one", "rate=2")
    write("project/a.py", "rates = 1\n")
    told = stage()
    assert told.code == 30
    assert "rate: no such key in the config" in told.err
    assert "did you mean rates?" in told.err
    assert program("gage-status", "runs/one").out == "pending\n"
    write("project/a.py", "rate = 1\n")
    assert stage().code == 0
    assert read("runs/one/a.py") == "rate = 2\n"


def test_an_executable_file_of_config_stays_executable(place):
    define({"config": "a.py", "exec": "./a.py"}, **{"a.py": "#!/bin/sh\nx = 1\n"})
    write("project/a.py", "#!/usr/bin/env python\nx = 1\nprint(x)\n", 0o755)
    staged("x=2")
    assert program("gage-exec", "runs/one").out == "2\n"


def test_a_link_to_a_file_of_config_stays_a_link(place):
    define({"config": "a.json"}, **{"real/a.json": '{"x": 1}'})
    os.symlink("real/a.json", "project/a.json")
    told = program("gage-init", "runs/one", "-C", "project", "op", "x=2")
    if told.code == 0:
        assert stage().code == 0
        assert os.readlink("runs/one/a.json") == "real/a.json"
        assert read("runs/one/real/a.json") == '{"x": 2}'
    else:
        assert told.code == 30
        assert "link" in told.err
    assert read("project/real/a.json") == '{"x": 1}'


# Hooks


def hooks(**scripts):
    return {"exec": {"run": "true", **{k.replace("_", "-"): v for k, v in scripts.items()}}}


def test_hooks_run_in_order_with_the_run_in_their_environment(place):
    say = 'echo "$RUN_ID $RUN_DIR $PROJECT_DIR $PWD $FLAG_X" > {0}; echo {0}; ls >&2'
    define(
        {"flags": {"x": 5}, **hooks(**{name: say.format(name) for name in HOOKS})},
        **{"a.py": "a"},
    )
    run = staged()
    here = f"{place}/runs/one"
    for name, type in zip(HOOKS, "srd", strict=True):
        assert read(f"runs/one/{name}") == f"{run.id} {here} {place}/project {here} 5\n"
        assert Entry(type, digest(read(f"runs/one/{name}")), name) in read_manifest(run)
    outputs = [
        read(f"runs/one.meta/output/{name}")
        for name in ("10_sourcecode", "20_runtime", "30_dependencies")
    ]
    assert [output.split("\n")[0] for output in outputs] == list(HOOKS)
    assert [sum(name in output.split("\n")[1:] for name in HOOKS) for output in outputs] == [
        1,
        2,
        3,
    ]
    modes = {mode for mode, _ in tree("runs/one.meta/output").values()}
    assert modes == {"-r--r--r--"}
    assert log_of(run).index("stage-sourcecode") < log_of(run).index("stage-runtime")


def test_the_environment_of_an_outer_run_does_not_reach_a_hook(place):
    define(hooks(stage_runtime="echo ${RUN_ID} $FLAG_OUT > out".replace("${", "$${")))
    init()
    env = {"RUN_ID": "outer", "FLAG_OUT": "outer", "PROJECT_DIR": "/outer"}
    assert stage(env=env).code == 0
    assert read("runs/one/out") == f"{open_run('runs/one').id}\n"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_failing_hook_stops_staging_and_the_next_begins_anew(place, hook):
    script = "echo out; echo trouble >&2; date +%N > made-$$; test -e $PROJECT_DIR/good || exit 7"
    define({"exec": {"run": "true", hook: script}}, **{"a.py": "a"})
    init()
    told = stage()
    name = {"stage-sourcecode": "10_sourcecode", "stage-runtime": "20_runtime"}
    output = name.get(hook, "30_dependencies")
    assert told.code == 20
    assert told.err == (
        f"gage-stage: runs/one: the hook {hook} failed with exit code 7\n"
        f"hint: gage-output --phase {output} runs/one\n"
    )
    assert program("gage-status", "runs/one").out == "pending\n"
    words = ("gage-output", "--phase", output, "runs/one")
    assert program(*words, "--stdout").out == "out\n"
    assert program(*words, "--stderr").out == "trouble\n"
    assert program("gage-exec", "runs/one").code == 125
    write("project/good", "")
    assert stage().code == 0
    run = open_run("runs/one")
    assert len([path for path in files_of(run) if path.startswith("made-")]) == 1
    assert files_of(run) == {event.path for event in read_events(run)}


def test_a_hook_that_is_killed_or_cannot_start_stops_staging(place):
    define(hooks(stage_runtime="kill -9 $$"))
    init()
    assert "the hook stage-runtime failed with exit code -9" in stage().err
    define(hooks(stage_runtime=["./none"]))
    init("runs/two")
    told = stage("runs/two")
    assert told.code == 20
    assert "exit code 127" in told.err
    assert "Traceback" not in told.err


def test_what_a_hook_leaves_behind_is_ended(place):
    define(hooks(stage_runtime="sleep 300 & echo $! > pid"))
    staged()
    assert not is_alive(read("runs/one/pid").strip())
    assert "ended what the hook left behind" in log_of("runs/one")


def test_what_a_hook_changes_or_removes_is_recorded_as_it_is_then(place):
    define(hooks(stage_sourcecode="rm gone; echo new > a.py"), **{"a.py": "a", "gone": "x"})
    run = staged()
    assert "gone" not in files_of(run)
    assert Entry("s", digest("new\n"), "a.py") in read_manifest(run)


def test_what_a_hook_leaves_that_is_no_file_stops_staging(place):
    define(hooks(stage_runtime="mkfifo pipe"))
    init()
    told = stage()
    assert told.code == 20
    assert "pipe: cannot be sealed: no file: a FIFO" in told.err
    assert program("gage-status", "runs/one").out == "pending\n"


# Phase by phase


def test_phases_may_be_done_one_by_one_with_files_put_in_by_hand(place):
    define(
        {
            "config": "a.py",
            "depends": [{"files": "data.csv"}],
            "sourcecode": ["*.py"],
            **hooks(stage_sourcecode="echo hook > from-source", stage_runtime="echo > from-run"),
        },
        **{"a.py": "x = 1\n", "data.csv": "1,2\n"},
    )
    run = open_run(init("runs/one", "x=2"))
    for phase in ("sourcecode", "config", "runtime", "dependencies"):
        assert stage("runs/one", "--phase", phase).code == 0
        assert program("gage-status", "runs/one").out == "pending\n"
        write(f"runs/one/by-hand-{phase}", phase)
    assert stage("runs/one", "--phase", "seal").code == 0
    types = {entry.path: entry.type for entry in read_manifest(run)}
    assert types == {
        "a.py": "s",
        "from-source": "s",
        "by-hand-sourcecode": "r",
        "from-run": "r",
        "data.csv": "d",
        "by-hand-config": "r",
        "by-hand-runtime": "s",
        "by-hand-dependencies": "s",
    }
    assert program("gage-manifest", "--check", "runs/one").code == 0
    assert program("gage-exec", "runs/one").code == 0


def test_all_phases_one_by_one_are_the_same_as_all_at_once(place):
    define(
        {"config": "a.py", "depends": [{"files": "d"}], **hooks(stage_runtime="echo r > r")},
        **{"a.py": "x = 1\n", "d": "d\n"},
    )
    staged("x=2", run="runs/once")
    init("runs/steps", "x=2")
    for phase in ("sourcecode", "config", "runtime", "dependencies", "seal"):
        assert stage("runs/steps", "--phase", phase).code == 0
    assert tree("runs/once") == tree("runs/steps")
    for fact in ("manifest", "log/patched", "dependencies.json", "output/20_runtime"):
        assert read(f"runs/once.meta/{fact}") == read(f"runs/steps.meta/{fact}")


@pytest.mark.parametrize("phase", ["config", "runtime", "dependencies", "seal"])
def test_a_phase_before_its_time_is_said(place, phase):
    define(
        {"config": "a.py", "depends": [{"files": "d"}], **hooks(stage_runtime="true")},
        **{"a.py": "x = 1\n", "d": "d"},
    )
    init()
    told = stage("runs/one", "--phase", phase)
    assert told.code == 20
    assert told.err == (
        "gage-stage: runs/one: has no run dir yet\nhint: gage-stage --phase sourcecode runs/one\n"
    )
    assert stage().code == 0


def test_a_phase_can_be_repeated(place):
    define({"config": "a.py"}, **{"a.py": "x = 1\n"})
    init("runs/one", "x=2")
    for phase in ("sourcecode", "sourcecode", "config", "config", "runtime", "seal"):
        assert stage("runs/one", "--phase", phase).code == 0
    assert read("runs/one/a.py") == "x = 2\n"
    assert read("runs/one.meta/log/patched").count("+x = 2") == 1


# Dependencies


def test_files_of_the_project_are_taken(place):
    define(
        {
            "sourcecode": ["*.py"],
            "depends": [{"files": "data/*.csv"}, {"files": "vocab.txt", "as": "in/words"}],
        },
        **{"a.py": "", "data/a.csv": "a", "data/b.csv": "b", "vocab.txt": "v"},
    )
    run = staged()
    assert {(e.type, e.path) for e in read_manifest(run)} == {
        ("s", "a.py"),
        ("d", "data/a.csv"),
        ("d", "data/b.csv"),
        ("d", "in/words"),
    }
    assert json.loads(read("runs/one.meta/dependencies.json"))[2] == {
        "path": "in/words",
        "digest": digest("v"),
        "file": "vocab.txt",
    }


def test_a_dependency_that_cannot_be_copied_is_named_before_anything_is_left_behind(place):
    define({"depends": [{"files": "data/**"}], "sourcecode": False})
    os.mkdir("project/data")
    os.mkfifo("project/data/pipe")
    init()
    before = runs()
    told = stage()
    assert told.code == 20
    assert "project/data/pipe: a FIFO cannot be copied" in told.err
    assert runs() == before


def test_a_dependency_that_is_config_too_is_source_code(place):
    define(
        {"config": "data/*.json", "depends": [{"files": "data/**"}], "sourcecode": False},
        **{"data/a.json": '{"x": 1}', "data/b.csv": "b", "large.py": "y = 1\n#" + "#" * 1_100_000},
    )
    run = staged("x=2")
    assert {(e.type, e.path) for e in read_manifest(run)} == {
        ("s", "data/a.json"),
        ("d", "data/b.csv"),
    }
    assert read("runs/one/data/a.json") == '{"x": 2}'
    assert program("gage-init", "runs/two", "-C", "project", "large.py", "y=2").code == 0
    assert stage("runs/two") == ("", "", 0)
    assert read("runs/two/large.py").startswith("y = 2\n")


def test_a_dependency_that_is_missing_is_said(place):
    define({"depends": [{"files": "none.csv"}]})
    init()
    told = stage()
    assert told.code == 20
    assert told.err.startswith(f"gage-stage: none.csv: no such file in {place}/project\nhint: ")
    assert program("gage-status", "runs/one").out == "pending\n"


# Killed


def test_a_killed_stage_is_taken_up_and_ends_the_same(place):
    if not can_be_killed():
        pytest.skip("system calls cannot be tampered with here")
    define(
        {
            "config": "a.py",
            "depends": [{"files": "d"}],
            "exec": {"run": "true", "stage-sourcecode": "echo made > made"},
        },
        **{"a.py": "x = 1\n", "d": "d\n", "b.sh": "b"},
    )
    os.symlink("a.py", "project/link")
    wanted = staged("x=2", run="runs/whole")
    calls = ("mkdir", "write", "rename", "fchmod", "fsync", "symlinkat")
    killed = 0
    for call in calls:
        count = 1
        while True:
            init("runs/one", "x=2")
            if not killed_at(count, [call], ["gage-stage", "runs/one"], place):
                break
            killed += 1
            status = program("gage-status", "runs/one").out
            assert status in ("pending\n", "staged\n")
            if status == "pending\n":
                told = stage()
                assert told == ("", "", 0)
            assert program("gage-manifest", "--check", "runs/one").code == 0
            assert tree("runs/one") == tree("runs/whole")
            for fact in ("manifest", "log/patched", "dependencies.json", "output/10_sourcecode"):
                assert read(f"runs/one.meta/{fact}") == read(f"{wanted}.meta/{fact}")
            assert [(e.event, e.type, e.path) for e in read_events(open_run("runs/one"))] == [
                (e.event, e.type, e.path) for e in read_events(wanted)
            ]
            subprocess.run("rm -rf runs/one*", shell=True, check=True)
            count += 40 if call in ("write", "fsync") else 13
        subprocess.run("rm -rf runs/one*", shell=True, check=True)
    assert killed >= len(calls)


def test_a_stage_that_is_interrupted_ends_its_hook(place):
    define(hooks(stage_runtime="echo $$ > pid; exec sleep 300"))
    init()
    stager = begun("gage-stage", "runs/one", cwd=place)
    wait_until(lambda: os.path.exists("runs/one/pid") and read("runs/one/pid"))
    pid = read("runs/one/pid").strip()
    stager.kill()
    stager.wait()
    wait_until(lambda: not is_alive(pid))
    assert program("gage-status", "runs/one").out == "pending\n"
    assert run_names("runs") == ["one"]


def test_where_the_disk_is_full_the_run_stays_pending(place):
    define(None, data="x" * 100_000)
    init()
    told = program("sh", "-c", 'ulimit -f 64; exec "$@"', "sh", "gage-stage", "runs/one")
    assert told.code == 12
    assert "File too large" in told.err
    assert program("gage-status", "runs/one").out == "pending\n"
    assert stage().code == 0
    assert os.listdir("runs/.tmp") == []
