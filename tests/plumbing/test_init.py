import json
import os
import subprocess

import pytest

from gage.run import RUN_ID, open_run, run_names
from tests.place import copy_project
from tests.programs import (
    QUICK,
    begun,
    can_be_killed,
    killed_at,
    nobody_can_run,
    program,
    read,
    tree,
    write,
)

PARTS = {
    "__schema__",
    "id",
    "opref",
    "opdef.json",
    "config.json",
    "proc",
    "proc/cmd.json",
    "proc/env.json",
    "sys",
    *(f"sys/{name}.json" for name in ("gage", "host", "platform", "project", "user")),
    "initialized",
    "log",
    "log/runner",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty directory, that we are in."""
    os.mkdir(tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return str(tmp_path / "place")


def init(*words, **more):
    return program("gage-init", *words, **more)


def fact(run_dir, name):
    return read(f"{run_dir}.meta/{name}").removesuffix("\n")


def json_fact(run_dir, name):
    return json.loads(fact(run_dir, name))


def left(place):
    """What is in *place* but gage's own places, and what these hold."""
    return sorted(
        path
        for path in tree(place)
        if path not in (".tmp", ".locks") and not path.startswith(".locks/")
    )


def test_a_run_of_an_operation_is_begun(place, project):
    assert init("one", "-C", project, "train", "lr=0.5") == ("./one\n", "", 0)
    assert set(tree("one.meta")) == PARTS | {"given.json"}
    assert fact("one", "opref") == '2 "" train'
    assert json_fact("one", "opdef.json") == {"exec": "python train.py", "config": "train.py"}
    assert json_fact("one", "config.json") == {"lr": 0.5, "epochs": 3}
    assert json_fact("one", "given.json") == ["lr"]
    assert json_fact("one", "proc/cmd.json") == "python train.py"
    assert json_fact("one", "sys/project.json") == project
    assert not os.path.exists("one")
    assert program("gage-status", "one").out == "pending\n"


def test_a_run_of_a_command_is_begun(place):
    assert init("one", "--env", "A=1=2", "--", "echo", "--", "x y", "").code == 0
    assert set(tree("one.meta")) == PARTS
    assert json_fact("one", "proc/cmd.json") == ["echo", "--", "x y", ""]
    assert json_fact("one", "proc/env.json") == {"A": "1=2"}
    assert fact("one", "opref") == '2 "" echo'
    assert json_fact("one", "sys/project.json") == place


def test_a_run_is_begun_from_files(place):
    write("op.json", '{"exec": "echo ${x}", "flags": {"x": 1}, "env": {"B": "${x}"}}')
    write("config.json", '{"x": 2}')
    options = ("--opdef", "op.json", "--config", "config.json", "--opref", "m1:op")
    assert init("one", *options, "--env", "A=1").code == 0
    assert fact("one", "opref") == "2 m1 op"
    assert json_fact("one", "proc/cmd.json") == "echo 2"
    assert json_fact("one", "proc/env.json") == {"B": "2", "A": "1"}
    assert json_fact("one", "config.json") == {"x": 2}
    assert init("two", *options, "--", "true", "${x}").code == 0
    assert json_fact("two", "proc/cmd.json") == ["true", "${x}"]
    assert json_fact("two", "proc/env.json") == {"B": "2"}


def test_the_definition_may_come_through_a_pipe_or_from_another_run(place):
    assert init("one", "--opdef", "-", input='{"sourcecode": false, "exec": "true"}').code == 0
    assert json_fact("one", "opdef.json") == {"sourcecode": False, "exec": "true"}
    write("config.json", '{"x": 2}')
    again = ("--opdef", "one.meta/opdef.json", "--config", "config.json")
    assert init("two", *again).code == 0
    assert init("three", "--opdef", "two.meta/opdef.json", "--config", "config.json").code == 0


def test_a_value_that_no_file_has_reaches_the_command_all_the_same(place):
    write("config.json", '{"lr": 2}')
    write("op.json", '{"sourcecode": false}')
    words = ("--opdef", "op.json", "--config", "config.json", "--", "sh", "-c", "echo $FLAG_LR")
    assert init("one", *words).code == 0
    assert program("gage-stage", "one").code == 0
    assert program("gage-exec", "one").out == "2\n"


def test_a_run_dir_that_ends_in_a_slash_gets_an_id(place, project):
    told = init("runs/", "-C", project)
    home, name = os.path.split(told.out.removesuffix("\n"))
    assert home == "runs"
    assert RUN_ID.fullmatch(name)
    assert fact(f"runs/{name}", "id") == name
    assert oct(os.stat("runs").st_mode & 0o777) == "0o700"


def test_a_parent_is_recorded_by_its_id(place):
    init("parent", "--", "true")
    assert init("child", "--parent", "parent", "--", "true").code == 0
    assert fact("child", "parent") == fact("parent", "id")
    assert init("lost", "--parent", "nobody", "--", "true").code == 10
    assert not os.path.exists("lost.meta")


def test_label_and_tags_are_said(place):
    assert init("one", "-l", "the first", "-t", "a", "--tag", "b", "--", "true").code == 0
    said = sorted(read(f"one.user/{name}") for name in os.listdir("one.user"))
    assert said == ["a\n", "b\n", "the first\n"]


def test_the_operations_own_label_and_tags_hold_where_none_are_given(place):
    write("op.json", '{"label": "mine", "tags": ["t"]}')
    init("one", "--opdef", "op.json", "--", "true")
    assert sorted(read(f"one.user/{n}") for n in os.listdir("one.user")) == ["mine\n", "t\n"]
    init("two", "--opdef", "op.json", "-l", "theirs", "--", "true")
    assert sorted(read(f"two.user/{n}") for n in os.listdir("two.user")) == ["t\n", "theirs\n"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "usage"),
        (["one", "--no-such"], 2, "usage"),
        (["one", "--"], 2, "no command behind --"),
        (["", "--", "true"], 2, "the run dir has no name"),
        ([".", "--", "true"], 2, "the name of a run"),
        (["a/..", "--", "true"], 2, "the name of a run"),
        (["one.meta", "--", "true"], 2, "taken for facts"),
        (["x" * 251, "--", "true"], 2, "250 bytes"),
        (["one", "-l", "two\nlines", "--", "true"], 2, "a label is one line"),
        (["one", "-t", "two words", "--", "true"], 2, "a tag is one word"),
        (["one", "--env", "A", "--", "true"], 2, "expected NAME=VALUE"),
        (["one", "train", "--", "true"], 2, "not both"),
        (["one", "train", "eval", "-C", "project"], 2, "one operation only"),
        (["one", "--env", "A=1", "-C", "project"], 2, "need a command behind --"),
        (["one", "trian", "-C", "project"], 10, "did you mean train?"),
        (["one", "-C", "nowhere"], 10, "no such directory"),
        (["one"], 10, "no gage file"),
        (["one", "nothing.py"], 10, "no such file"),
        (["one", "--opdef", "none.json"], 10, "no such file"),
        (["one", "--config", "none.json", "--", "true"], 10, "no such file"),
        (["file/one", "--", "true"], 10, "not a directory"),
        (["file/two/one", "--", "true"], 10, "not a directory"),
        (["taken", "--", "true"], 20, "already exists"),
        (["there", "--", "true"], 20, "already exists"),
        (["one", "-C", "project", "rate=1"], 30, "no such flag"),
        (["one", "-C", "project", "epochz=1"], 30, "did you mean epochs?"),
        (["one", "-C", "project", "lr=high"], 30, "expected"),
        (["one", "--digest", "md5", "--", "true"], 30, "no such algorithm"),
        (["one", "--opdef", "bad.json"], 30, "no JSON"),
        (["one", "--opdef", "latin.json"], 30, "no JSON"),
        (["one", "--opdef", "deep.json"], 30, "no JSON"),
        (["one", "--opdef", "list.json"], 30, "expected a JSON object"),
        (["one", "--opdef", "shape.json"], 30, "shape.json: flags"),
        (["one", "--opdef", "empty.json"], 30, "has no command"),
        (["one", "--opdef", "hook.json"], 30, "${nope}: no such flag or config"),
        (["one", "--config", "shape.json", "--", "true"], 30, "no structure"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_begun(place, words, code, said):
    copy_project("train", "project")
    write("file", "")
    os.mkdir("taken.meta")
    os.mkdir("there")
    write("bad.json", "{")
    write("latin.json", '{"description": "\udcff"}')
    write("deep.json", "[" * 100_000)
    write("list.json", "[]")
    write("empty.json", "{}")
    write("shape.json", '{"flags": [1]}')
    write("hook.json", '{"exec": {"run": "true", "finalize": "echo ${nope}"}}')
    before = left(".")
    told = init(*words)
    assert (told.code, told.out) == (code, "")
    assert said in told.err
    assert "Traceback" not in told.err
    assert left(".") == before


@pytest.mark.parametrize(
    "name", ["new\nline", " trailing ", "\udcff\udcfe", "-dash", "ü" * 125, "a\\b", "$x", "'\""]
)
def test_a_run_and_its_project_may_have_odd_names(place, name):
    os.mkdir("home")
    copy_project("train", os.path.join(place, name))
    write(os.path.join(name, f"{name}.py"), "x = 1\n") if len(name) < 20 else None
    told = init(f"home/{name}", "-C", os.path.join(place, name), "train")
    assert told == (f"home/{name}\n", "", 0)
    assert json_fact(f"home/{name}", "sys/project.json") == os.path.join(place, name)
    assert run_names("home") == [name]
    assert open_run(f"home/{name}").id
    assert program("gage-stage", f"home/{name}").code == 0
    assert program("gage-exec", f"home/{name}").code == 0
    assert program("gage-finalize", f"home/{name}").code == 0
    assert program("gage-status", f"home/{name}").out == "completed\n"


def test_a_command_may_hold_any_byte(place):
    assert init("one", "--env", "A=\udcff", "--", "printf", "%s", "a\nb\udcff").code == 0
    write("op.json", '{"sourcecode": false}')
    assert init("two", "--opdef", "op.json", "--", "printf", "%s", "a\nb\udcff").code == 0
    assert program("gage-stage", "two").code == 0
    assert program("gage-exec", "two").out == "a\nb\udcff"


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o775), (0o002, 0o775), (0o077, 0o700)])
def test_others_never_write_to_a_run(place, umask, mode):
    assert init("runs/one", "--", "true", umask=umask).code == 0
    for folder, _, files in os.walk("runs/one.meta"):
        assert os.stat(folder).st_mode & 0o777 == mode
        for file in files:
            wanted = 0o664 if file == "runner" else 0o444
            assert os.stat(os.path.join(folder, file)).st_mode & 0o777 == wanted & ~umask


def test_of_many_that_begin_a_run_one_wins(place):
    words = ["gage-init", "runs/one", "--", "true"]
    processes = [
        subprocess.Popen(words, stdout=-1, stderr=-1, env={**os.environ, **QUICK}) for _ in range(8)
    ]
    told = [process.communicate() for process in processes]
    assert sorted(process.returncode for process in processes) == [0] + [20] * 7
    for out, err in told:
        assert bool(out) != (b"already exists" in err)
    assert set(tree("runs/one.meta")) == PARTS
    assert os.listdir("runs/.tmp") == []


def test_many_are_begun_at_once(place):
    processes = [begun("gage-init", "runs/", "--", "true", cwd=place) for _ in range(12)]
    assert [process.wait() for process in processes] == [0] * 12
    assert len(run_names("runs")) == 12


def test_a_killed_init_leaves_a_whole_meta_dir_or_none(place, project):
    words = ["gage-init", "runs/one", "-C", project, "lr=0.2"]
    if not can_be_killed():
        pytest.skip("system calls cannot be tampered with here")
    # A sample of the calls that change something: from the first on, until all have been made.
    for call in ("mkdir", "write", "rename", "fsync"):
        count = 1
        while killed_at(count, [call], words, place):
            if os.path.exists("runs/one.meta"):
                assert set(tree("runs/one.meta")) >= PARTS - {"log", "log/runner"}
                assert program("gage-status", "runs/one").out == "pending\n"
                subprocess.run(["rm", "-r", "runs/one.meta"], check=True)
            else:
                assert not os.path.lexists("runs/one")
                assert run_names("runs") == [] if os.path.isdir("runs") else True
            assert init("runs/one", "-C", project).code == 0
            subprocess.run(["rm", "-r", "runs/one.meta"], check=True)
            count += 9 if call == "fsync" else 7
        assert count > 1, call
        subprocess.run(["rm", "-r", "runs/one.meta"], check=True)


def test_where_the_system_refuses_nothing_is_begun(place):
    script = 'ulimit -f 0; exec "$@"'
    told = program("sh", "-c", script, "sh", "gage-init", "runs/one", "--", "true")
    assert told.code == 12
    assert "File too large" in told.err
    assert run_names("runs") == []
    assert os.listdir("runs/.tmp") == []


def test_an_ordinary_user_may_not_begin_a_run_in_a_place_of_another(place):
    if os.geteuid() != 0 or not nobody_can_run():
        pytest.skip("needs a second user")
    told = init(f"{place}/one", "--", "true", cwd="/", nobody=True)
    assert told.code == 12
    assert "Permission denied" in told.err
    assert os.listdir(place) == []


def test_a_command_that_needs_no_source_code_copies_none(place):
    write("secret", "hunter2\n")
    assert init("one", "--no-sourcecode", "--", "true").code == 0
    assert program("gage-stage", "one").code == 0
    assert os.listdir("one") == []
    told = init("two", "train", "--no-sourcecode")
    assert told.code == 2
    assert "needs a command behind --" in told.err
