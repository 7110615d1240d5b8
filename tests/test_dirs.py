"""Directories are reached level by level: no depth and no link is in the way."""

import os

import pytest

from gage.dirs import Dirs, file_type, walk
from tests.nobody import ordinary_place

DEEP = 150
LONG = "d" * 200


def make_deep(root, depth, name="d"):
    """Directories in directories, deeper than any path may be long; the path of the last."""
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)
    return "/".join([name] * depth)


def fail(path, error):
    raise error


def walked(root):
    with Dirs(str(root)) as dirs:
        return [
            (place.path, [entry.name for entry in place.files], list(place.folders))
            for place in walk(dirs, fail)
        ]


def test_a_walk_comes_to_every_directory_before_those_in_it(tmp_path):
    for path in ["b/z/1", "b/a/2", "a/3", "4", "b/5"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert walked(tmp_path) == [
        ("", ["4"], ["a", "b"]),
        ("a", ["3"], []),
        ("b", ["5"], ["a", "z"]),
        ("b/a", ["2"], []),
        ("b/z", ["1"], []),
    ]


def test_a_folder_that_is_removed_is_not_entered(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out" / "deeper").mkdir(parents=True)
    seen = []
    with Dirs(str(tmp_path)) as dirs:
        for place in walk(dirs, fail):
            seen.append(place.path)
            place.folders[:] = [name for name in place.folders if name != "out"]
    assert seen == ["", "in"]


def test_a_link_to_a_directory_is_a_file(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "loop").symlink_to(".")
    assert walked(tmp_path) == [("", ["loop"], ["there"]), ("there", [], [])]


def test_a_walk_goes_deeper_than_paths_are_long_and_descriptors_many(tmp_path):
    deepest = make_deep(tmp_path, DEEP, LONG)
    (tmp_path / LONG / "beside").mkdir()
    places = walked(tmp_path)
    assert (deepest, ["leaf"], []) in places
    assert (f"{LONG}/beside", [], []) in places
    assert len(places) == DEEP + 2


def test_directories_are_reached_in_any_order(tmp_path):
    deepest = make_deep(tmp_path, DEEP)
    middle = "/".join(["d"] * 80)
    with Dirs(str(tmp_path)) as dirs:
        inodes = [os.fstat(dirs.fd(path)).st_ino for path in (deepest, middle, "", deepest, middle)]
    assert inodes[0] == inodes[3] == os.stat(tmp_path / deepest).st_ino
    assert inodes[1] == inodes[4] == os.stat(tmp_path / middle).st_ino
    assert inodes[2] == os.stat(tmp_path).st_ino


def test_all_descriptors_are_closed(tmp_path):
    before = sorted(os.listdir("/proc/self/fd"))
    deepest = make_deep(tmp_path, DEEP)
    with Dirs(str(tmp_path)) as dirs:
        for path in (deepest, "d", "d/d/d"):
            dirs.fd(path)
        with pytest.raises(FileNotFoundError):
            dirs.fd("d/nothing/here")
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_link_is_never_gone_through(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("../outside")
    with Dirs(str(tmp_path / "root")) as dirs, pytest.raises(NotADirectoryError) as caught:
        dirs.fd("link")
    assert caught.value.filename == str(tmp_path / "root" / "link")
    (tmp_path / "to-root").symlink_to("root")
    with pytest.raises(NotADirectoryError):
        Dirs(str(tmp_path / "to-root"))


def test_missing_directories_are_made_on_demand(tmp_path):
    with Dirs(str(tmp_path / "new"), make=True) as dirs:
        dirs.fd("a/b")
    assert (tmp_path / "new" / "a" / "b").is_dir()


def test_what_cannot_be_read_is_told_and_the_rest_walked():
    with ordinary_place() as place:
        for name, mode in [("closed", 0), ("open", 0o700)]:
            os.mkdir(os.path.join(place, name))
            os.chmod(os.path.join(place, name), mode)
        told = []
        with Dirs(place) as dirs:
            seen = [found.path for found in walk(dirs, lambda path, error: told.append(path))]
        assert (seen, told) == (["", "open"], ["closed"])


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100, 0o200])
def test_the_owner_is_let_in_where_that_is_asked_for(mode):
    with ordinary_place() as place:
        root = os.path.join(place, "root")
        os.makedirs(os.path.join(root, "closed", "inner"))
        os.chmod(os.path.join(root, "closed"), mode)
        os.chmod(root, mode)
        with Dirs(root, mend=True) as dirs:
            assert [found.path for found in walk(dirs, fail)] == ["", "closed", "closed/inner"]


def test_what_is_no_file_has_a_name(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert file_type(os.lstat(tmp_path / "pipe").st_mode) == "a FIFO"
    assert file_type(os.lstat("/dev/null").st_mode) == "a device"
