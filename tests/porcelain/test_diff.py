import json
import os
import shutil

import pytest

from gage.listing import read_rows
from tests.porcelain.place import gage, gage_on_terminal, put, write_run
from tests.programs import QUICK, program, write

SCRIPT = 'lr = 0.1\nname = "a"\n\nprint("loss:", lr)\n'


@pytest.fixture
def place(tmp_path):
    write(str(tmp_path / "train.py"), SCRIPT)
    return str(tmp_path)


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def ran(place, *words):
    told = gage(*words, "-y", "-q", cwd=place, env=QUICK)
    assert told.code == 0, told.err


def diff(place, *words):
    return gage("runs", "diff", *words, cwd=place)


def as_json(place, *words):
    return json.loads(diff(place, "--json", *words).out)


def test_two_runs_differ_in_what_went_in_and_what_came_of_it(place, home):
    ran(place, "run", "train.py")
    write(os.path.join(place, "train.py"), SCRIPT + "print('done')\n")
    ran(place, "run", "train.py", "lr=0.2")
    newer, older = (row.id[:8] for row in read_rows(home))
    assert diff(place, "2", "1").out.split("\n") == [
        f"a  train.py  {older}",
        f"b  train.py  {newer}",
        "",
        "flags",
        "  lr  0.1  0.2",
        "",
        "files",
        "  train.py  source  changed",
        "",
        "output",
        "  10 bytes  15 bytes  they differ from line 1 on",
        "",
        "source code",
        "--- a/train.py",
        "+++ b/train.py",
        "@@ -1,4 +1,5 @@",
        "-lr = 0.1",
        "+lr = 0.2",
        ' name = "a"',
        " ",
        ' print("loss:", lr)',
        "+print('done')",
        "",
    ]
    assert diff(place, "2", "1").code == 1


def test_equal_runs_do_not_differ(place):
    ran(place, "run", "train.py")
    ran(place, "run", "train.py")
    assert diff(place, "1", "2") == ("", "", 0)
    assert list(as_json(place, "1", "2")) == ["a", "b"]


def test_an_attempt_differs_from_the_present_and_from_another(place, home):
    ran(place, "run", "train.py", "name=b")
    ran(place, "restart", "1", "lr=0.2", "name=c")
    ran(place, "restart", "1", "lr=0.3")
    told = diff(place, "--attempt", "1")
    id = read_rows(home)[0].id
    assert told.code == 1
    assert told.out.split("\n")[:6] == [
        f"a  train.py  {id[:8]}  attempt 1",
        f"b  train.py  {id[:8]}  attempt 3",
        "",
        "flags",
        "  lr    0.1  0.3",
        "  name  b    c",
    ]
    assert told.out.endswith(
        "--- a/train.py\n+++ b/train.py\n@@ -1,4 +1,4 @@\n"
        '-lr = 0.1\n-name = "b"\n+lr = 0.3\n+name = "c"\n \n print("loss:", lr)\n'
    )
    found = as_json(place, id, "--attempt", "1", "--attempt", "2")
    assert found["a"] == {"id": id, "run_dir": os.path.join(home, id), "attempt": 1}
    assert found["b"]["attempt"] == 2
    assert found["config"] == {"lr": {"a": 0.1, "b": 0.2}, "name": {"a": "b", "b": "c"}}
    assert '+lr = 0.2\n+name = "c"\n' in found["diff"]
    assert found["output"] == {"a": 10, "b": 10, "line": 1}
    # Back in time, too.
    assert as_json(place, "--attempt", "2", "--attempt", "1")["config"]["lr"] == {
        "a": 0.2,
        "b": 0.1,
    }


def test_source_code_that_is_not_at_hand_is_told_by_its_digest(place):
    ran(place, "run", "train.py")
    write(os.path.join(place, "train.py"), SCRIPT.replace("loss", "error"))
    ran(place, "restart", "1", "lr=0.2", "--force-sourcecode")
    found = as_json(place, "--attempt", "1")
    assert found["files"]["train.py"]["a"]["digest"] != found["files"]["train.py"]["b"]["digest"]
    assert "diff" not in found
    assert "  train.py  source  changed\n" in diff(place, "--attempt", "1").out


def test_the_last_line_may_have_no_newline(place):
    write(os.path.join(place, "train.py"), "lr = 1")
    ran(place, "run", "train.py")
    ran(place, "restart", "1", "lr=2")
    assert as_json(place, "--attempt", "1")["diff"] == (
        "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-lr = 1\n\\ No newline at end of file\n"
        "+lr = 2\n\\ No newline at end of file\n"
    )


@pytest.mark.skipif(not shutil.which("patch"), reason="patch is not installed")
def test_a_diff_in_a_pipe_is_a_patch(place, home):
    ran(place, "run", "train.py")
    write(os.path.join(place, "train.py"), SCRIPT + "# \x1b[2J\n")
    write(os.path.join(place, "new.py"), "# €\n")
    ran(place, "run", "train.py", "lr=0.2")
    newer, older = (row.run_dir for row in read_rows(home))
    for name in ("a", "b"):
        os.mkdir(os.path.join(place, name))
    patch = os.path.join(place, "patch")
    assert program("sh", "-c", f"gage runs diff 2 1 > {patch}", cwd=place).code == 1
    program("chmod", "-R", "u+w", older, cwd=place)
    done = program("sh", "-c", f"patch -p1 < {patch}", cwd=older)
    assert done.code == 0, done
    for name in ("train.py", "new.py"):
        with open(f"{older}/{name}", "rb") as a, open(f"{newer}/{name}", "rb") as b:
            assert a.read() == b.read()


def test_what_is_no_text_is_no_source_to_read(place, home):
    one, other = write_run(home, 1), write_run(home, 2)
    put(os.path.join(home, other, "train.py"), b"\0")
    manifest = os.path.join(home, other + ".meta", "manifest")
    put(manifest, b"s " + b"1" * 64 + b" train.py\n")
    found = as_json(place, one, other)
    assert set(found) == {"a", "b", "files"}


def test_what_runs_took_came_to_and_consist_of_differs(place, home):
    record = {"path": "x.csv", "digest": "0" * 64, "run": "ab" * 16, "operation": "prepare"}
    one, other = (
        write_run(
            home,
            number,
            operation,
            exit=exit,
            metrics={"loss": loss, "same": 1},
            files=files,
            output=output,
            facts={
                "dependencies.json": json.dumps([record | {"run": run, "file": "x.csv"}]),
                "proc/env.json": json.dumps({"THREADS": threads, "A": "1"}),
                "proc/cmd.json": json.dumps(["python", f"{number}.py"]),
            },
        )
        for number, operation, exit, loss, files, output, run, threads in (
            (1, "m1:train", 0, 0.5, {"model": b"x"}, b"1\n2\n3\n", "ab" * 16, "1"),
            (2, "train", -9, 1, {}, b"1\n2\n4\n5\n", "cd" * 16, "2"),
        )
    )
    assert diff(place, one, other).out.split("\n")[2:] == [
        "",
        "operation",
        "  m1:train  train",
        "",
        "exit",
        "  0  -9",
        "",
        "command",
        "  python 1.py  python 2.py",
        "",
        "environment",
        "  THREADS  1  2",
        "",
        "metrics",
        "  loss  0.5  1",
        "",
        "dependencies",
        "  x.csv  from prepare abababab: x.csv  from prepare cdcdcdcd: x.csv",
        "",
        "files",
        "  model  generated  only in a",
        "",
        "output",
        "  6 bytes  8 bytes  they differ from line 3 on",
        "",
    ]


def test_a_number_is_no_boolean_and_nothing_is_no_value(place, home):
    one = write_run(home, 1, config={"a": 1, "b": None, "c": 1.0, "d": float("nan")})
    other = write_run(home, 2, config={"a": True, "c": 1, "d": float("nan")})
    assert diff(place, one, other).out.endswith(
        "\nflags\n  a  1    yes\n  b       -\n  c  1.0  1\n"
    )


def test_steps_are_compared_by_their_names(place):
    steps = "check: {exec: 'true', flags: {x: 1}}\nall: {flags: {x: 1}, steps: ['check x=${x}']}\n"
    write(os.path.join(place, "gage.yaml"), steps)
    ran(place, "run", "all")
    ran(place, "run", "all", "x=2")
    found = as_json(place, "all@{1}", "all@{0}")
    assert found["steps"]["check"]["a"]["settings"] == "x=1"
    out = diff(place, "all@{1}", "all@{0}").out
    assert "\nsteps\n  check  check completed x=1  check completed x=2\n" in out


@pytest.mark.parametrize("name", ["config.json", "manifest", "proc/cmd.json", "opref", "proc/exit"])
@pytest.mark.parametrize("damage", [b"\xff{", None, b"9" * 5000], ids=["bytes", "gone", "digits"])
def test_a_damaged_run_is_compared_as_far_as_it_goes(place, home, name, damage):
    one, other = write_run(home, 1), write_run(home, 2)
    path = os.path.join(home, one + ".meta", name)
    os.remove(path)
    if damage:
        put(path, damage)
    told = diff(place, one, other)
    assert (told.err, told.code) == ("", 1)


def test_a_terminal_gets_colour_and_nothing_that_steers_it(place, home):
    ran(place, "run", "train.py")
    write(os.path.join(place, "train.py"), SCRIPT + "#\t\x1b[2J\n")
    ran(place, "run", "train.py")
    shown, _ = gage_on_terminal("runs", "diff", "2", "1", cwd=place)
    assert "\x1b[32m+#\t\\x1b[2J\x1b[0m" in shown
    shown, _ = gage_on_terminal("runs", "diff", "2", "1", cwd=place, env={"NO_COLOR": "1"})
    assert "\x1b" not in shown


def test_filters_find_the_two_the_older_first(place, home):
    older, newer = write_run(home, 1, exit=1), write_run(home, 2)
    write_run(home, 3, "other")
    found = as_json(place, "-Fo", "train")
    assert (found["a"]["id"], found["b"]["id"]) == (older, newer)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("1",),
        ("1", "2", "3"),
        ("1", "2", "--attempt", "1"),
        ("1", "--attempt", "1", "--attempt", "1", "--attempt", "1"),
        ("1", ""),
        ("1", "--attempt", "0"),
    ],
)
def test_two_things_are_compared(place, home, words):
    for number in (1, 2, 3):
        write_run(home, number)
    assert diff(place, *words).code == 2


def test_an_attempt_that_never_was_is_said_with_those_that_were(place, home):
    id = write_run(home, 1)
    told = diff(place, "--attempt", "2")
    assert told.err == (f"gage runs diff: {home}/{id}: no attempt 2\nhint: attempts: 1\n")
    assert told.code == 10


def test_parts_are_compared_as_one_asks(place, home):
    records = [{"path": "x.csv", "digest": digit * 64, "file": "x.csv"} for digit in "01"]
    one, other, equal = (
        write_run(
            home,
            place_in_time,
            config={"lr": number},
            metrics={"loss": number},
            output=output,
            facts={
                "dependencies.json": json.dumps([records[number - 1]]),
                "manifest": f"s {str(number) * 64} train.py\nd {str(number) * 64} x.csv",
            },
        )
        for place_in_time, number, output in (
            (1, 1, b"same\nold\n"),
            (2, 2, b"same\nnew \x1b[2J\n"),
            (3, 1, b"same\nold\n"),
        )
    )
    everything = {"config", "metrics", "dependencies", "files", "output"}
    assert everything <= set(as_json(place, one, other))
    parts = {
        "--flags": {"config"},
        "--source": {"files"},
        "--deps": {"dependencies", "files"},
        "--output": {"output"},
        "--metrics": {"metrics"},
    }
    for option, names in parts.items():
        found = as_json(place, one, other, option)
        assert set(found) - {"a", "b"} == names, option
        assert diff(place, one, other, option).code == 1
        assert diff(place, one, equal, option) == ("", "", 0)
    assert list(as_json(place, one, other, "--source")["files"]) == ["train.py"]
    assert list(as_json(place, one, other, "--deps")["files"]) == ["x.csv"]
    assert set(as_json(place, one, other, "--flags", "--metrics")) == {
        *("a", "b", "config", "metrics"),
    }
    assert diff(place, one, other, "--output").out.endswith(
        "what they wrote\n--- a/output\n+++ b/output\n@@ -1,2 +1,2 @@\n same\n-old\n+new \x1b[2J\n"
    )
    shown, _ = gage_on_terminal("runs", "diff", one, other, "--output", cwd=place)
    assert "\x1b[32m+new \\x1b[2J\x1b[0m" in shown


def test_what_was_not_asked_for_does_not_differ(place, home):
    one, other = write_run(home, 1, config={"a": 1}), write_run(home, 2, config={"a": 2})
    assert diff(place, one, other, "--metrics") == ("", "", 0)
    assert diff(place, one, other, "--flags").code == 1


def test_names_alone_are_told_with_the_number_of_lines(place):
    ran(place, "run", "train.py")
    write(os.path.join(place, "train.py"), SCRIPT + "#\n#\n")
    write(os.path.join(place, "new file.py"), "x = 1\n")
    ran(place, "run", "train.py", "lr=0.2", "name=b")
    told = diff(place, "2", "1", "--stat")
    assert told.out.split("\n") == [
        "flag    lr",
        "flag    name",
        "file    train.py     +4 -2",
        "file    new file.py  +1 -0",
        "output               10 bytes, 10 bytes",
        "",
    ]
    assert told.code == 1
    assert diff(place, "2", "1", "--stat", "--metrics") == ("", "", 0)


def test_output_that_is_too_long_is_told_by_its_size(place, home):
    one = write_run(home, 1, output=b"x\n" * 200_000)
    other = write_run(home, 2, output=b"y\n")
    found = as_json(place, one, other, "--output")["output"]
    assert found == {"a": 400_000, "b": 2, "line": 1}
