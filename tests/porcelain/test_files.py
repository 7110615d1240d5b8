import json
import os

import pytest

from tests.porcelain.place import gage, gage_on_terminal, put, write_run, write_steps


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def test_files_have_a_size_a_type_and_a_name(tmp_path, home):
    write_run(home, 1, files={"data/x.csv": b"0123456789", "model": b"123"})
    assert gage("ls", cwd=tmp_path).out == (
        "10  generated  data/x.csv\n 3  generated  model\n 9  source     train.py\n"
    )


def test_steps_are_links_that_end_in_a_slash(tmp_path, home):
    parent, passed, _ = write_steps(home)
    assert gage("ls", "-Fo", "steps-restart", "-n", cwd=tmp_path).out == "fail/\nfail_2/\n"
    line = gage("ls", "3", "fail", cwd=tmp_path).out
    assert line.endswith(f"step  fail/ -> ../{passed}\n")
    os.rename(os.path.join(home, passed), os.path.join(home, "gone"))
    assert gage("ls", parent, "-n", cwd=tmp_path).out == "fail/\nfail_2/\n"


def test_hidden_files_are_shown_when_asked_for(tmp_path, home):
    write_run(home, 1, files={".config": b"", ".d/x": b"", "a/.b": b""})
    assert gage("ls", "-n", cwd=tmp_path).out == "train.py\n"
    assert gage("ls", "-n", "-a", cwd=tmp_path).out == ".config\n.d/x\na/.b\ntrain.py\n"


def test_what_is_named_is_shown_though_it_is_hidden(tmp_path, home):
    id = write_run(home, 1, files={".config": b"", ".d/x": b"", ".d/.y": b"", "a/.b": b""})
    assert gage("ls", "-n", id, ".config", cwd=tmp_path).out == ".config\n"
    assert gage("ls", "-n", id, ".d", cwd=tmp_path).out == ".d/x\n"
    assert gage("ls", "-n", id, ".d/.y", "./a/.b", cwd=tmp_path).out == ".d/.y\na/.b\n"
    assert gage("ls", "-n", id, ".", cwd=tmp_path).out == "train.py\n"


def test_files_are_chosen_by_type_and_by_path(tmp_path, home):
    write_run(home, 1, files={"data/a": b"", "data/b": b"", "database": b""})
    ls = lambda *words: gage("ls", "-n", *words, cwd=tmp_path).out.split()  # noqa: E731
    assert ls("--source") == ["train.py"]
    assert ls("--generated") == ["data/a", "data/b", "database"]
    assert ls("--generated", "--source") == ["data/a", "data/b", "database", "train.py"]
    assert ls("--dependencies") == []
    assert ls("1", "data") == ["data/a", "data/b"]
    assert ls("1", "./data/b", "train.py") == ["data/b", "train.py"]
    assert ls("1", ".") == ["data/a", "data/b", "database", "train.py"]
    told = gage("ls", "1", "dat", cwd=tmp_path)
    assert (told.out, told.code) == ("", 10)


def test_what_a_run_under_way_wrote_so_far_is_generated(tmp_path, home):
    id = write_run(home, 1, exit=None)
    put(os.path.join(home, id, "checkpoint"), b"1")
    assert gage("ls", cwd=tmp_path).out == "1  generated  checkpoint\n9  source     train.py\n"


def test_a_name_can_hold_anything(tmp_path, home):
    odd = "a\n\x1b[2J b\udcff"
    write_run(home, 1, files={odd: b"x"})
    assert gage("ls", "-n", "--generated", cwd=tmp_path).out == "a\\n\\x1b[2J b\\udcff\n"
    assert gage("ls", "-n", "-z", "--generated", cwd=tmp_path).out == f"{odd}\0"
    assert json.loads(gage("ls", "--json", "--generated", cwd=tmp_path).out)["path"] == odd
    assert gage("cat", odd, cwd=tmp_path).out == "x"


def test_a_directory_link_is_listed_and_not_entered(tmp_path, home):
    id = write_run(home, 1)
    os.symlink(".", os.path.join(home, id, "loop"))
    os.symlink("/etc", os.path.join(home, id, "etc"))
    os.symlink("../..", os.path.join(home, id, "up"))
    assert gage("ls", "-n", cwd=tmp_path).out == "etc\nloop\ntrain.py\nup\n"
    assert "etc -> /etc\n" in gage("ls", cwd=tmp_path).out


def test_a_run_without_a_run_dir_has_no_files(tmp_path, home):
    id = write_run(home, 1)
    os.rename(os.path.join(home, id), os.path.join(home, "gone"))
    assert gage("ls", cwd=tmp_path) == ("", "", 0)


def test_cat_gives_the_bytes(tmp_path, home):
    data = bytes(range(256)) * 4000
    write_run(home, 1, files={"data/x": data})
    assert gage("cat", "data/x", cwd=tmp_path).out.encode("utf-8", "surrogateescape") == data
    assert gage("cat", "1", "./data/../train.py", cwd=tmp_path).out == "lr = 0.1\n"
    shown, _ = gage_on_terminal("cat", "train.py", cwd=tmp_path)
    assert shown == "lr = 0.1\n"


def test_cat_follows_links_within_the_run_and_nowhere_else(tmp_path, home):
    other = write_run(home, 1)
    id = write_run(home, 2, files={"data/x": b"inside"})
    run_dir = os.path.join(home, id)
    put(str(tmp_path / "secret"), b"secret")
    os.symlink("data/x", os.path.join(run_dir, "link"))
    os.symlink(tmp_path, os.path.join(run_dir, "out"))
    os.symlink(tmp_path / "secret", os.path.join(run_dir, "secret"))
    os.symlink(f"../{other}", os.path.join(run_dir, "step"))
    os.symlink("loop", os.path.join(run_dir, "loop"))
    assert gage("cat", "link", cwd=tmp_path).out == "inside"
    for path in ("secret", "out/secret", "step/train.py", "../../../secret", "/etc/hostname"):
        told = gage("cat", path, cwd=tmp_path)
        assert (path, told.out, told.code) == (path, "", 20)
        assert told.err.startswith(f"gage cat: {path}: leads out of the run\n")
    assert gage("cat", "loop", cwd=tmp_path).code in (10, 12)


def test_cat_says_what_is_no_file(tmp_path, home):
    id = write_run(home, 1, files={"data/x": b""})
    os.mkfifo(os.path.join(home, id, "fifo"))
    codes = {
        path: gage("cat", path, cwd=tmp_path).code
        for path in ("none", "train.py/x", "data", "fifo")
    }
    assert codes == {"none": 10, "train.py/x": 10, "data": 20, "fifo": 20}
    assert gage("cat", cwd=tmp_path).code == 2
    assert gage("cat", "1", "2", "3", cwd=tmp_path).code == 2
