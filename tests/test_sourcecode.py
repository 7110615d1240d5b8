"""Which files of a project a run gets: what the rule takes, what it leaves out, what it refuses."""

import os
import socket
import subprocess

import pytest

from gage.errors import ConfigError, NotFoundError, StateError
from gage.sourcecode import LARGEST, MOST, LeftOut, Source, select_files, select_sourcecode
from tests.nobody import ordinary_place
from tests.test_dirs import make_deep
from tests.test_ignored import fill, git


def chosen(root, rule=None, home=None):
    """The paths that a rule takes, as a set."""
    home = home or os.path.join(root, ".gage", "runs")
    return {source.path for source in select_sourcecode(str(root), rule, runs_home=home).sources}


def left_out(root):
    return select_sourcecode(str(root), None, runs_home=os.path.join(root, "runs")).left_out


def refused(root, rule=None):
    with pytest.raises(StateError) as caught:
        chosen(root, rule)
    return caught.value.message.replace(str(root) + "/", "")


def test_without_a_rule_text_is_taken_in_order(tmp_path):
    fill(tmp_path, {"b.py": "x", "a/z": "", "a/b/c": "", "c.sh": "x", ".env": "A=1", "a.b": "ü"})
    paths = [s.path for s in select_sourcecode(str(tmp_path), None, runs_home="runs").sources]
    assert paths == [".env", "a.b", "b.py", "c.sh", "a/z", "a/b/c"]


def idle(root, *rule):
    """The patterns of a rule that select nothing, and should."""
    return list(select_sourcecode(str(root), rule, runs_home="runs").idle)


def test_a_name_that_selects_nothing_is_told_and_a_wildcard_only_where_all_do(tmp_path):
    fill(tmp_path, {"a.py": "", "src/b.py": "", "odd[1].py": ""})
    assert idle(tmp_path, "a.py", "src", "src/b.py", "/odd\\[1].py", "*.c", "-none.py") == []
    assert idle(tmp_path, "*.py", "b.pi", "src/a.py", "*.c") == ["b.pi", "src/a.py"]
    assert idle(tmp_path, "*.c", "lib/") == ["*.c", "lib/"]


def test_a_rule_of_no_patterns_takes_nothing(tmp_path):
    fill(tmp_path, {"a": ""})
    assert select_sourcecode(str(tmp_path), [], runs_home="runs") == ([], [], [])


def test_patterns_take_what_they_select(tmp_path):
    fill(tmp_path, {"a.py": "", "b.txt": "", "lib/c.py": "", "scratch/d.py": "", "e.bin": "\0"})
    assert chosen(tmp_path, ["*.py", "-scratch/"]) == {"a.py", "lib/c.py"}
    assert chosen(tmp_path, ["*", "-*.py"]) == {"b.txt", "e.bin"}


@pytest.mark.parametrize("with_git", [True, False])
def test_what_git_ignores_is_taken_where_a_pattern_selects_it(tmp_path, with_git):
    fill(tmp_path, {".gitignore": "*.csv\n/data/\n", "a.csv": "", "data/b": "", "c": ""})
    if with_git:
        git(tmp_path, "init", "-q")
    assert chosen(tmp_path) == {".gitignore", "c"}
    assert chosen(tmp_path, ["*.csv", "data/"]) == {"a.csv", "data/b"}


def test_names_may_hold_anything(tmp_path):
    names = [
        "new\nline",
        " ",
        "tr ",
        "-n",
        "*",
        "\\",
        b"\xff\xfe".decode("utf-8", "surrogateescape"),
    ]
    fill(tmp_path, dict.fromkeys(names, "x"))
    assert chosen(tmp_path) == set(names)
    assert chosen(tmp_path, ["*"]) == set(names)


SPECIAL = {
    ".hidden/a.py": "",
    "venv/pyvenv.cfg": "",
    "venv/lib/b.py": "",
    "conda/conda-meta/history": "",
    "conda/c.py": "",
    "not/.nocopy": "",
    "not/inner/d.py": "",
    "e.py": "",
}


def test_hidden_and_foreign_directories_are_left_alone(tmp_path):
    fill(tmp_path, SPECIAL)
    assert chosen(tmp_path) == {"e.py"}
    assert chosen(tmp_path, ["*.py"]) == {"e.py"}
    assert chosen(tmp_path, ["**"]) == {"e.py"}


def test_a_pattern_opens_a_directory_that_it_names_and_no_other_pattern_does(tmp_path):
    fill(tmp_path, SPECIAL)
    assert chosen(tmp_path, ["*.py", "venv/pyvenv.cfg"]) == {"e.py", "venv/pyvenv.cfg"}
    assert chosen(tmp_path, [".hidden/**", "venv/lib/**"]) == {".hidden/a.py", "venv/lib/b.py"}
    assert chosen(tmp_path, ["not/**", "-*.py"]) == {"not/.nocopy"}


def test_a_project_that_is_not_to_be_copied_says_so(tmp_path):
    fill(tmp_path, {".nocopy": "", "a.py": ""})
    assert left_out(tmp_path) == [LeftOut(".", "holds .nocopy", "*")]
    assert chosen(tmp_path, ["*.py"]) == {"a.py"}


@pytest.mark.parametrize("home", [".gage/runs", "runs"])
@pytest.mark.parametrize("rule", [None, ["**"], ["a.py", ".git/**", ".hg", ".gage/**", "runs/**"]])
def test_version_control_and_the_runs_home_are_never_entered(tmp_path, rule, home):
    fill(tmp_path, {"a.py": "", ".hg/x": "", f"{home}/one/a.py": "", "sub/.git": "gitdir: x\n"})
    git(tmp_path, "init", "-q")
    assert chosen(tmp_path, rule, home=str(tmp_path / home)) == {"a.py"}


def test_the_runs_home_is_known_by_whatever_path(tmp_path):
    fill(tmp_path / "project", {"a": "", "kept/one/b": ""})
    (tmp_path / "alias").symlink_to("project/kept")
    assert chosen(tmp_path / "project", ["**"], home=str(tmp_path / "alias")) == {"a"}


def test_another_runs_home_is_known_by_what_gage_makes_there(tmp_path):
    fill(tmp_path, {"a": "", "old/.locks/x": "", "old/.tmp/x": "", "old/one/b": ""})
    assert chosen(tmp_path, ["**", "old/**"]) == {"a"}


def test_runs_beside_the_source_are_not_part_of_it(tmp_path):
    runs = {".locks/one/runner": "", ".tmp/x": "", "one/a": "", "one.meta/__schema__": "1"}
    fill(tmp_path, runs | {"one.user/label": "", "notes": "", "two.meta/x": ""})
    rule = ["**", ".locks/**", ".tmp/**"]
    assert chosen(tmp_path, rule, home=str(tmp_path)) == {"notes", "two.meta/x"}
    assert chosen(tmp_path, home="elsewhere") == {"notes", "two.meta/x"}


def test_what_is_large_or_binary_is_left_out_and_told(tmp_path):
    fill(
        tmp_path, {"at": "x" * LARGEST, "above": "x" * (LARGEST + 1), "data/x.bin": "a\0", "e": ""}
    )
    fill(tmp_path, {"late": "x" * 8192 + "\0", "early": "x" * 8191 + "\0"})
    assert chosen(tmp_path) == {"at", "e", "late"}
    assert left_out(tmp_path) == [
        LeftOut("above", "larger than 1 MB", "/above"),
        LeftOut("early", "binary", "/early"),
        LeftOut("data/x.bin", "binary", "/data/x.bin"),
    ]


def test_the_pattern_that_is_told_takes_what_was_left_out(tmp_path):
    names = ["odd[1]*.bin", "tr ", "deep/-x", "new\nline"]
    fill(tmp_path, dict.fromkeys(names, "\0"))
    told = left_out(tmp_path)
    assert {left.path for left in told} == set(names)
    for left in told:
        assert chosen(tmp_path, [left.pattern]) == {left.path}


def test_where_much_is_left_out_it_is_summed_up(tmp_path):
    fill(tmp_path, {f"images/{n}.png": "\0" for n in range(12)} | {"a.png": "\0", "b.png": "\0"})
    told = left_out(tmp_path)
    assert told == [
        LeftOut(".", "2 files binary", "/*"),
        LeftOut("images/", "12 files binary", "/images/**"),
    ]
    assert len(chosen(tmp_path, ["/images/**"])) == 12


def test_only_so_many_files_are_taken_and_the_rest_told(tmp_path):
    fill(tmp_path, {f"many/{n:04}": "" for n in range(MOST + 20)} | {"z/a": "", "b": ""})
    assert len(chosen(tmp_path)) == MOST
    assert left_out(tmp_path) == [
        LeftOut("many/", "21 files above 1,000 files", "/many/**"),
        LeftOut("z/", "1 file above 1,000 files", "/z/**"),
    ]


def test_links_stay_links(tmp_path):
    fill(tmp_path, {"data/file": "x", "src/a": ""})
    for path, target in [
        ("to-dir", "data"),
        ("src/to-file", "../data/file"),
        ("loop", "loop"),
        ("nothing", "data/none"),
        ("absolute", str(tmp_path / "data" / "file")),
    ]:
        os.symlink(target, tmp_path / path)
    wanted = [
        Source("absolute", "link", "data/file"),
        Source("loop", "link", "loop"),
        Source("nothing", "link", "data/none"),
        Source("to-dir", "link", "data"),
        Source("data/file", "file"),
        Source("src/a", "file"),
        Source("src/to-file", "link", "../data/file"),
    ]
    assert select_files(str(tmp_path), ["*"], runs_home="runs") == wanted
    assert select_sourcecode(str(tmp_path), None, runs_home="runs").sources == wanted


@pytest.mark.parametrize("rule", [None, ["*"]])
def test_what_cannot_be_copied_is_named_all_of_it(tmp_path, rule):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "out").symlink_to("/etc/passwd")
    before = os.getcwd()
    os.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        os.chdir(before)
        assert refused(tmp_path, rule).split("\n") == [
            "pipe: a FIFO cannot be copied",
            "sock: a socket cannot be copied",
            "in/out: a link that leads out of the project, to /etc/passwd",
        ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_refused(tmp_path):
    os.mknod(tmp_path / "null", 0o20666, os.makedev(1, 3))
    assert refused(tmp_path) == "null: a device cannot be copied"


@pytest.mark.parametrize("rule", [None, ["*"]])
def test_what_cannot_be_read_is_named(rule):
    with ordinary_place() as place:
        fill(place, {"open": "", "file": "", "dir/inner": ""})
        os.chmod(os.path.join(place, "file"), 0)
        os.chmod(os.path.join(place, "dir"), 0)
        message = refused(place, rule)
    assert [line.split(":")[0] for line in message.split("\n")] == ["file", "dir"]
    assert message.count("cannot be read") == 2


def test_ten_troubles_are_named_and_the_rest_counted(tmp_path):
    for number in range(13):
        os.mkfifo(tmp_path / f"pipe{number:02}")
    lines = refused(tmp_path).split("\n")
    assert len(lines) == 11
    assert lines[9].startswith("pipe09:")
    assert lines[10] == "and 3 more, 13 in all"


@pytest.mark.parametrize("with_git", [True, False])
def test_what_is_ignored_may_be_of_any_kind(tmp_path, with_git):
    fill(tmp_path, {".gitignore": "*.pipe\nout\n/closed/\n", "a": ""})
    os.mkfifo(tmp_path / "x.pipe")
    (tmp_path / "out").symlink_to("/etc")
    if with_git:
        git(tmp_path, "init", "-q")
    assert chosen(tmp_path) == {".gitignore", "a"}


def test_a_directory_that_git_ignores_may_be_closed_to_us():
    with ordinary_place() as place:
        fill(place, {".gitignore": "/closed/\n", "a": "", "closed/x": ""})
        subprocess.run(["git", "init", "-q", place], check=True)
        os.chmod(os.path.join(place, "closed"), 0)
        assert chosen(place) == {".gitignore", "a"}


def test_what_no_pattern_selects_may_be_of_any_kind(tmp_path):
    fill(tmp_path, {"src/a": "", "other/b": ""})
    os.mkfifo(tmp_path / "other" / "pipe")
    (tmp_path / "out").symlink_to("/etc")
    assert chosen(tmp_path, ["src/**"]) == {"src/a"}
    with ordinary_place() as place:
        fill(place, {"src/a": "", "closed/x": ""})
        os.chmod(os.path.join(place, "closed"), 0)
        assert chosen(place, ["src/**"]) == {"src/a"}
        assert chosen(place, ["*", "-closed/"]) == {"src/a"}


def test_patterns_that_only_exclude_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="every pattern excludes"):
        chosen(tmp_path, ["-*.csv"])


def test_a_project_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="nowhere: no such directory"):
        chosen(tmp_path / "nowhere")


def test_a_project_may_be_given_by_a_link(tmp_path):
    fill(tmp_path / "project", {"a": ""})
    (tmp_path / "alias").symlink_to("project")
    assert chosen(tmp_path / "alias") == {"a"}


def test_files_are_found_beyond_the_length_of_a_path(tmp_path):
    deepest = make_deep(tmp_path, 30, "d" * 200)
    assert chosen(tmp_path) == chosen(tmp_path, ["leaf"]) == {f"{deepest}/leaf"}
