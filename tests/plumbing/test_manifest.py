"""gage-manifest prints, checks and compares what runs are made of."""

import json
import os
import stat
from hashlib import sha256

import pytest
from blake3 import blake3

from gage.digest import link_digest
from gage.manifest import Entry, format_manifest
from gage.plumbing.manifest import main
from tests.test_ignored import fill


def make_staged(root, name, files, types=None, project=None):
    """A staged run made by hand; its run dir."""
    run_dir = os.path.join(root, name)
    facts = {
        "__schema__": "1\n",
        "id": "0" * 32 + "\n",
        "opref": '2 "" train\n',
        "config.json": '{"lr": 0.1}\n',
        "proc/cmd.json": '["python", "train.py"]\n',
        "proc/env.json": "{}\n",
        "initialized": "1\n",
        "staged": "2\n",
    }
    if project is not None:
        facts["sys/project.json"] = json.dumps(str(project))
    fill(run_dir, files)
    fill(run_dir + ".meta", facts)
    entries = [
        Entry((types or {}).get(path, "s"), sha256(text.encode()).hexdigest(), path)
        for path, text in files.items()
    ]
    write_manifest(run_dir, entries)
    return run_dir


def write_manifest(run_dir, entries):
    with open(run_dir + ".meta/manifest", "wb") as file:
        file.write(format_manifest(entries))


@pytest.fixture
def says(capfd):
    """Call gage-manifest; its exit code and the lines that it printed."""

    def call(*args, end="\n"):
        code = main([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return code, (out or err).split(end)[:-1]

    return call


def test_the_manifest_is_printed_in_its_order(tmp_path, says):
    run = make_staged(tmp_path, "one", {"b": "x", "a\nb": "y"}, {"a\nb": "d"})
    x, y = sha256(b"x").hexdigest(), sha256(b"y").hexdigest()
    assert says(run) == (0, [f"s {x} b", f"\\d {y} a\\nb"])
    assert says(run, "-z", end="\0") == (0, [f"s {x} b", f"d {y} a\nb"])
    _, lines = says(run, "--json")
    assert [json.loads(line) for line in lines] == [
        {"type": "s", "digest": x, "path": "b"},
        {"type": "d", "digest": y, "path": "a\nb"},
    ]


def test_a_run_that_is_as_it_was_has_no_differences(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x", "in/b": "y"})
    assert says(run, "--check") == (0, [])


def test_what_differs_is_named(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x", "b": "y", "in/c": "z", "d\ne": "", "f": ""})
    fill(run, {"b": "other"})
    os.unlink(os.path.join(run, "in/c"))
    os.unlink(os.path.join(run, "d\ne"))
    os.unlink(os.path.join(run, "f"))
    os.symlink("a", os.path.join(run, "f"))
    expected = ["changed b", "missing in/c", "\\missing d\\ne", "changed f"]
    assert says(run, "--check") == (1, expected)
    _, lines = says(run, "--check", "--json")
    assert json.loads(lines[0]) == {"difference": "changed", "path": "b"}


def test_what_a_run_generates_is_new_once_it_is_finalized(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x"})
    fill(run, {"made": ""})
    assert says(run, "--check") == (0, [])
    fill(run + ".meta", {"proc/exit": "0\n"})
    assert says(run, "--check") == (1, ["new made"])


def test_each_file_is_checked_by_the_algorithm_of_its_digest(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x", "b": "y"})
    os.symlink("a", os.path.join(run, "link"))
    entries = [
        Entry("s", f"blake3:{blake3(b'x').hexdigest()}", "a"),
        Entry("g", sha256(b"y").hexdigest(), "b"),
        Entry("g", link_digest("a"), "link"),
    ]
    write_manifest(run, entries)
    assert says(run, "--check") == (0, [])
    fill(run, {"a": "other"})
    assert says(run, "--check") == (1, ["changed a"])


def test_a_digest_that_gage_cannot_make_is_an_error(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x"})
    write_manifest(run, [Entry("s", "md6:" + "0" * 64, "a")])
    code, lines = says(run, "--check")
    assert code == 30
    assert "'md6': no such algorithm" in lines[0]


def test_a_run_dir_that_is_gone_misses_all(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x"})
    os.unlink(os.path.join(run, "a"))
    os.rmdir(run)
    assert says(run, "--check") == (1, ["missing a"])


def test_what_became_something_else_cannot_be_read(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x"})
    os.unlink(os.path.join(run, "a"))
    os.mkfifo(os.path.join(run, "a"))
    assert says(run, "--check") == (1, ["unreadable a"])


def test_two_runs_are_compared_entry_by_entry(tmp_path, says):
    one = make_staged(tmp_path, "one", {"z": "", "a": "x", "b": "y"})
    two = make_staged(tmp_path, "two", {"a": "x", "b": "n", "z": ""}, {"z": "d"})
    y, n, empty = (sha256(text).hexdigest() for text in (b"y", b"n", b""))
    assert says(one, "--diff", two) == (
        1,
        [f"-s {y} b", f"+s {n} b", f"-s {empty} z", f"+d {empty} z"],
    )
    assert says(one, "--diff", one) == (0, [])
    _, lines = says(one, "--diff", two, "--json")
    assert json.loads(lines[1]) == {"run_dir": two, "type": "s", "digest": n, "path": "b"}


def test_a_fingerprint_tells_what_went_in(tmp_path, says):
    one = make_staged(tmp_path, "one", {"a": "x", "g": "1"}, {"g": "g"})
    two = make_staged(tmp_path, "two", {"a": "x", "g": "2"}, {"g": "g"})
    code, (fingerprint,) = says(one, "--fingerprint")
    assert (code, len(fingerprint)) == (0, 64)
    assert says(two, "--fingerprint") == (0, [fingerprint])
    fill(two + ".meta", {"config.json": '{"lr": 0.2}\n'})
    assert says(two, "--fingerprint") != (0, [fingerprint])


def test_files_are_digested_anew_by_another_algorithm(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": "x"})
    os.symlink("a", os.path.join(run, "link"))
    write_manifest(run, [Entry("g", link_digest("a"), "link"), Entry("s", "0" * 64, "a")])
    assert says(run, "--digest", "blake3") == (
        0,
        [f"g {link_digest('a')} link", f"s blake3:{blake3(b'x').hexdigest()} a"],
    )
    os.unlink(os.path.join(run, "a"))
    code, lines = says(run, "--digest", "sha256")
    assert code == 20
    assert lines[0].endswith("one: gone, or cannot be read: a")


def test_a_depfile_names_what_the_run_was_staged_from(tmp_path, says, monkeypatch):
    project = tmp_path / "my project"
    fill(project, {"a.py": "", "data/b": "", "made": ""})
    files = {"a.py": "", "data/b": "", "made": "", "by-hook": ""}
    run = make_staged(tmp_path, "one", files, {"data/b": "d", "made": "g"}, project)
    monkeypatch.chdir(tmp_path)
    assert says("one", "--depfile", "one.d") == (0, [])
    rule = (tmp_path / "one.d").read_text().split("\n\n")[0]
    assert rule == "one.meta/stopped: \\\n my\\ project/a.py \\\n my\\ project/data/b"
    monkeypatch.chdir(project)
    assert says(run, "--depfile", tmp_path / "two.d") == (0, [])
    rule = (tmp_path / "two.d").read_text().split("\n\n")[0]
    assert rule == f"{run}.meta/stopped: \\\n a.py \\\n data/b"


def test_a_depfile_replaces_files_alone(tmp_path, says, monkeypatch):
    fill(tmp_path / "project", {"a.py": ""})
    run = make_staged(tmp_path, "one", {"a.py": ""}, project=tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    os.symlink("fifo", "link")
    os.symlink("rule", "beside")
    for name in ("fifo", "link", "."):
        code, lines = says(run, "--depfile", name)
        assert (code, "no regular file" in lines[0]) == (20, True)
    assert stat.S_ISFIFO(os.stat("link").st_mode)
    assert says(run, "--depfile", "beside") == (0, [])
    assert os.readlink("beside") == "rule"
    code, lines = says(run, "--depfile", "-")
    assert (code, "\n".join(lines)) == (0, (tmp_path / "rule").read_text().rstrip("\n"))


def test_a_depfile_needs_a_project_and_names_that_make_can_read(tmp_path, says):
    run = make_staged(tmp_path, "one", {"a": ""})
    code, lines = says(run, "--depfile", tmp_path / "d")
    assert (code, lines[0].endswith("not recorded which project it was staged from")) == (20, True)
    fill(tmp_path / "project", {"new\nline": ""})
    run = make_staged(tmp_path, "two", {"new\nline": ""}, project=tmp_path / "project")
    code, lines = says(run, "--depfile", tmp_path / "d")
    assert code == 20
    assert "make cannot be told this name" in "".join(lines)
    assert not (tmp_path / "d").exists()


def test_a_run_that_is_not_staged_has_no_manifest(tmp_path, says):
    run = make_staged(tmp_path, "one", {})
    os.unlink(run + ".meta/manifest")
    code, lines = says(run)
    assert (code, lines[0]) == (20, f"gage-manifest: {run}: no manifest: not staged yet")
    assert says(tmp_path / "nothing")[0] == 10
