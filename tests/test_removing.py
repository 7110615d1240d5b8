import os
import traceback

import pytest

from gage.removing import remove_abandoned, remove_tree

NOBODY = 65534


def test_a_tree_is_removed_with_all_that_it_holds(tmp_path):
    top = tmp_path / "top"
    (top / "a" / "b" / "c").mkdir(parents=True)
    (top / "a" / "file").write_text("x")
    (top / "a" / "b" / "file").write_text("x")
    os.mkfifo(top / "fifo")
    remove_tree(str(top))
    assert os.listdir(tmp_path) == []


def test_what_is_not_there_is_removed_already(tmp_path):
    remove_tree(str(tmp_path / "none"))


def test_nothing_behind_a_link_is_touched(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    os.symlink(outside, top / "link")
    os.symlink("../../outside", top / "sub" / "link")
    os.symlink(".", top / "loop")
    os.link(outside / "file", top / "hard")
    os.chmod(outside, 0o555)
    remove_tree(str(top))
    assert os.listdir(tmp_path) == ["outside"]
    assert (outside / "file").read_text() == "precious"
    assert os.stat(outside).st_mode & 0o777 == 0o555


def test_a_link_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("precious")
    os.symlink("outside", tmp_path / "top")
    with pytest.raises(OSError):
        remove_tree(str(tmp_path / "top"))
    assert (tmp_path / "outside" / "file").exists()


def test_depth_is_no_obstacle(tmp_path):
    """Neither the length of a path, nor the number of descriptors."""
    top = tmp_path / "top"
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("directory", dir_fd=fd)
        inner = os.open("directory", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=fd))
    os.close(fd)
    remove_tree(str(top))
    assert os.listdir(tmp_path) == []


def as_nobody(work, directory):
    """Do *work* in *directory* as a user for whom, unlike for root, something is closed."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(directory)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_closed_permissions_are_no_obstacle_to_their_owner(tmp_path):
    top = tmp_path / "top"
    for name in ("closed", "read-only", "no-list"):
        (top / name / "inner").mkdir(parents=True)
        (top / name / "inner" / "file").write_text("x")
        os.chmod(top / name / "inner" / "file", 0o000)
        os.chmod(top / name / "inner", 0o000)
    os.chmod(top / "closed", 0o000)
    os.chmod(top / "read-only", 0o555)
    os.chmod(top / "no-list", 0o300)
    if os.geteuid() == 0:
        for path in [tmp_path, top, *top.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
    os.chmod(top, 0o500)
    as_nobody(lambda: remove_tree("top"), tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_was_abandoned_long_ago_is_removed_and_nothing_else(tmp_path):
    for name in ("0" * 24, "1" * 24, "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    for name in ("2" * 24, "3" * 24):
        (tmp_path / name).write_text("x")
    for path in ("0" * 24, "2" * 24, "mine"):
        os.utime(tmp_path / path, (0, 0))
    remove_abandoned(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["1" * 24, "3" * 24, "mine"]


def test_two_who_remove_one_tree_do_not_get_into_each_others_way(tmp_path):
    for _ in range(8):
        top = tmp_path / "top"
        for number in range(50):
            (top / f"{number % 7}" / f"{number}" / "deep").mkdir(parents=True)
            (top / f"{number % 7}" / f"{number}" / "file").write_text("x")
        removers = []
        for _ in range(2):
            remover = os.fork()
            if remover == 0:
                failed = 1
                try:
                    remove_tree(str(top))
                    failed = 0
                finally:
                    os._exit(failed)
            removers.append(remover)
        assert [os.waitpid(remover, 0)[1] for remover in removers] == [0, 0]
        assert os.listdir(tmp_path) == []
