import os
import stat
import subprocess
import sys

import pytest

from gage.durable import create, put, sync_file_system, sync_policy, unlink
from gage.errors import UsageError
from tests.programs import read, write


@pytest.fixture
def home(tmp_path):
    os.mkdir(tmp_path / "tmp")
    return str(tmp_path)


def put_in(home, name, data, **more):
    put(os.path.join(home, "tmp"), os.path.join(home, name), data, **more)


@pytest.mark.parametrize("sync", ["commit", "all", "none"])
def test_a_file_is_put_in_the_place_of_another(home, sync):
    put_in(home, "fact", b"one", sync=sync)
    put_in(home, "fact", b"two", sync=sync)
    assert read(os.path.join(home, "fact")) == "two"
    assert os.listdir(os.path.join(home, "tmp")) == []


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o444), (0o002, 0o444), (0o077, 0o400)])
def test_what_is_put_is_read_only_within_the_umask(home, umask, mode):
    before = os.umask(umask)
    try:
        put_in(home, "fact", b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(os.path.join(home, "fact")).st_mode) == mode


def test_a_link_in_the_way_is_replaced_and_not_followed(home):
    sentinel = write(os.path.join(home, "sentinel"), "mine")
    os.symlink(sentinel, os.path.join(home, "fact"))
    put_in(home, "fact", b"new")
    assert read(sentinel) == "mine"
    assert not os.path.islink(os.path.join(home, "fact"))


def test_nothing_is_left_where_the_name_cannot_be_given(home):
    os.mkdir(os.path.join(home, "fact"))
    with pytest.raises(OSError, match="directory"):
        put_in(home, "fact", b"new")
    assert os.listdir(os.path.join(home, "tmp")) == []
    assert os.path.isdir(os.path.join(home, "fact"))


def test_nothing_is_left_where_the_file_cannot_be_written_whole(home):
    write(os.path.join(home, "fact"), "old")
    script = (
        "import resource, signal, sys\n"
        "from gage.durable import put\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "put(sys.argv[1] + '/tmp', sys.argv[1] + '/fact', b'x' * 1001)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, home], capture_output=True)
    assert b"File too large" in done.stderr
    assert read(os.path.join(home, "fact")) == "old"
    assert os.listdir(os.path.join(home, "tmp")) == []


def test_nothing_is_left_where_the_disk_is_full(home):
    disk = os.path.join(home, "disk")
    os.mkdir(disk)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    try:
        os.mkdir(os.path.join(disk, "tmp"))
        put_in(disk, "fact", b"old")
        with pytest.raises(OSError, match="No space left"):
            put_in(disk, "fact", b"x" * 100_000)
        assert read(os.path.join(disk, "fact")) == "old"
        assert os.listdir(os.path.join(disk, "tmp")) == []
        put_in(disk, "fact", b"new")
        assert read(os.path.join(disk, "fact")) == "new"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_file_is_created_once(home):
    create(os.path.join(home, "one"), b"1")
    with pytest.raises(FileExistsError):
        create(os.path.join(home, "one"), b"2")
    os.symlink("nowhere", os.path.join(home, "link"))
    with pytest.raises(FileExistsError):
        create(os.path.join(home, "link"), b"2")


def test_what_is_gone_can_be_removed_again(home):
    path = write(os.path.join(home, "fact"), "x")
    unlink(path)
    unlink(path)
    assert not os.path.exists(path)


def test_a_file_system_is_synced_by_any_descriptor_of_it(home):
    fd = os.open(home, os.O_RDONLY)
    try:
        sync_file_system(fd)
    finally:
        os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_file_system(fd)


def test_the_policy_is_one_of_three():
    assert sync_policy({}) == sync_policy({"GAGE_FSYNC": ""}) == "commit"
    assert sync_policy({"GAGE_FSYNC": "none"}) == "none"
    with pytest.raises(UsageError, match="expected commit, all or none"):
        sync_policy({"GAGE_FSYNC": "never"})


def test_where_nothing_temporary_can_be_made_the_error_names_what_was_to_be_written(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        put(str(tmp_path / "none"), str(tmp_path / "fact"), b"")
    assert caught.value.filename == str(tmp_path / "fact")
