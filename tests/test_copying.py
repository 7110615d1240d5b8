"""A copy is what the original was at one moment, and nothing of the project but it."""

import os
import stat
import threading
import time
from hashlib import sha256

import pytest
from blake3 import blake3

from gage.copying import Copied, copy_sources
from gage.digest import CHUNK, link_digest
from gage.errors import StateError
from gage.sourcecode import Source, select_files
from tests.nobody import ordinary_place
from tests.test_dirs import make_deep
from tests.test_ignored import fill


def copied(root, *paths, algorithm="sha256", **options):
    sources = [Source(path, "file") for path in paths]
    project, target = str(root / "project"), str(root / "run")
    return copy_sources(project, sources, target, algorithm, **options)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_content_time_and_digest_are_those_of_the_original(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "project" / "a").mkdir(parents=True)
    (tmp_path / "project" / "a" / "b").write_bytes(data)
    os.utime(tmp_path / "project" / "a" / "b", ns=(1_000_000_000_123_456_789,) * 2)
    (copy,) = copied(tmp_path, "a/b")
    assert copy == Copied("a/b", sha256(data).hexdigest(), 1_000_000_000_123_456)
    assert (tmp_path / "run" / "a" / "b").read_bytes() == data
    assert (tmp_path / "run" / "a" / "b").stat().st_mtime_ns == 1_000_000_000_123_456_789


def test_another_algorithm_may_be_chosen(tmp_path):
    fill(tmp_path / "project", {"a": "x"})
    assert (
        copied(tmp_path, "a", algorithm="blake3")[0].digest == f"blake3:{blake3(b'x').hexdigest()}"
    )


@pytest.mark.parametrize(
    ("mode", "copy", "read_only"),
    [
        (0o644, 0o644, 0o444),
        (0o755, 0o755, 0o555),
        (0o4755, 0o755, 0o555),
        (0o3777, 0o775, 0o555),
        (0o666, 0o664, 0o444),
        (0o400, 0o400, 0o400),
    ],
)
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_mode_is_kept_less_what_is_dangerous(tmp_path, mode, copy, read_only, umask):
    fill(tmp_path / "project", {"in/a": ""})
    os.chmod(tmp_path / "project" / "in" / "a", mode)
    before = os.umask(umask)
    try:
        copied(tmp_path, "in/a")
        copied(tmp_path, "in/a", targets=["sealed"], read_only=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run" / "in" / "a").stat().st_mode) == copy
    assert stat.S_IMODE((tmp_path / "run" / "sealed").stat().st_mode) == read_only
    assert not (tmp_path / "run" / "in").stat().st_mode & 0o002


def test_a_copy_shares_nothing_with_the_original(tmp_path):
    fill(tmp_path / "project", {"a": "x"})
    os.link(tmp_path / "project" / "a", tmp_path / "project" / "b")
    copied(tmp_path, "a", "b")
    assert (tmp_path / "run" / "a").stat().st_nlink == 1
    assert (tmp_path / "run" / "b").stat().st_nlink == 1


def test_links_are_copied_as_links(tmp_path):
    fill(tmp_path / "project", {"data/file": "x"})
    os.symlink(str(tmp_path / "project" / "data"), tmp_path / "project" / "link")
    os.utime(tmp_path / "project" / "link", ns=(5_000, 5_000), follow_symlinks=False)
    sources = select_files(str(tmp_path / "project"), ["link"], runs_home="runs")
    got = copy_sources(str(tmp_path / "project"), sources, str(tmp_path / "run"), "sha256")
    assert got == [Copied("link", link_digest("data"), 5)]
    assert os.readlink(tmp_path / "run" / "link") == "data"


def test_a_link_without_a_target_is_resolved_when_it_is_copied(tmp_path):
    fill(tmp_path / "project", {"file": ""})
    os.symlink("file", tmp_path / "project" / "in")
    os.symlink("/etc/passwd", tmp_path / "project" / "out")
    project, target = str(tmp_path / "project"), str(tmp_path / "run")
    copy_sources(project, [Source("in", "link")], target, "sha256")
    assert os.readlink(tmp_path / "run" / "in") == "file"
    with pytest.raises(StateError, match="project/out: a link that leads outside"):
        copy_sources(project, [Source("out", "link")], target, "sha256")


def test_copies_may_go_by_other_names(tmp_path):
    fill(tmp_path / "project", {"a": "1", "b/c": "2"})
    got = copied(tmp_path, "a", "b/c", targets=["x/y", "z"])
    assert [copy.path for copy in got] == ["x/y", "z"]
    assert (tmp_path / "run" / "x" / "y").read_text() == "1"
    assert (tmp_path / "run" / "z").read_text() == "2"


def test_what_is_sparse_stays_sparse(tmp_path):
    size = 64 << 20
    fill(tmp_path / "project", {"a": "", "all-hole": ""})
    os.truncate(tmp_path / "project" / "all-hole", size)
    with open(tmp_path / "project" / "a", "r+b") as file:
        file.seek(20 << 20)
        file.write(b"middle")
        file.truncate(size)
    whole = (tmp_path / "project" / "a").read_bytes()
    first, second = copied(tmp_path, "a", "all-hole")
    assert (first.digest, second.digest) == (
        sha256(whole).hexdigest(),
        sha256(bytes(size)).hexdigest(),
    )
    assert (tmp_path / "run" / "a").read_bytes() == whole
    assert (tmp_path / "run" / "a").stat().st_blocks * 512 < 1 << 20
    assert (tmp_path / "run" / "all-hole").stat().st_size == size
    assert (tmp_path / "run" / "all-hole").stat().st_blocks * 512 < 1 << 20


def test_a_file_that_changed_just_now_is_copied_all_the_same(tmp_path):
    fill(tmp_path / "project", {"a": "x"})
    (tmp_path / "project" / "a").write_text("y")
    (copy,) = copied(tmp_path, "a")
    assert copy.digest == sha256(b"y").hexdigest()


def test_files_that_are_of_the_future_are_not_waited_for(tmp_path, monkeypatch):
    """As all are when the clock was set back."""
    fill(tmp_path / "project", {"a": "x"})
    monkeypatch.setattr("time.clock_gettime_ns", lambda clock: 0)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waited"))
    (copy,) = copied(tmp_path, "a")
    assert copy.digest == sha256(b"x").hexdigest()


@pytest.mark.parametrize("size", [10, 4 << 20])
def test_a_file_that_goes_on_changing_is_refused_by_name(tmp_path, size):
    fill(tmp_path / "project", {"a": "x" * size})
    begun, stop = threading.Event(), threading.Event()

    def write():
        with open(tmp_path / "project" / "a", "r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(0)
                file.write(os.urandom(8))
                begun.set()
                time.sleep(0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        begun.wait()
        with pytest.raises(StateError, match="project/a: changed while it was copied"):
            # Where the writer was kept from writing meanwhile, it is a good copy.
            for number in range(200):
                copied(tmp_path, "a", targets=[f"copy{number}"])
    finally:
        stop.set()
        writer.join()


def test_a_place_that_is_taken_is_not_written_to(tmp_path):
    fill(tmp_path / "project", {"a": "new"})
    fill(tmp_path / "run", {"a": "old"})
    with pytest.raises(StateError, match="run/a: already there"):
        copied(tmp_path, "a")
    assert (tmp_path / "run" / "a").read_text() == "old"


@pytest.mark.parametrize("link", ["in", "in/a"])
def test_nothing_is_written_through_a_link(tmp_path, link):
    fill(tmp_path / "project", {"in/a": "new"})
    fill(tmp_path / "outside", {"a": "old"})
    (tmp_path / "run").mkdir()
    if link == "in":
        (tmp_path / "run" / "in").symlink_to("../outside")
    else:
        (tmp_path / "run" / "in").mkdir()
        (tmp_path / "run" / "in" / "a").symlink_to("../../outside/a")
    with pytest.raises(StateError, match=r"run/in/a: (already there|in its way)"):
        copied(tmp_path, "in/a")
    assert (tmp_path / "outside" / "a").read_text() == "old"


@pytest.mark.parametrize("become", ["link", "fifo", "gone", "directory"])
def test_a_file_that_became_something_else_is_refused(tmp_path, become):
    fill(tmp_path / "project", {"a": "x"})
    fill(tmp_path, {"secret": "s"})
    os.unlink(tmp_path / "project" / "a")
    if become == "link":
        os.symlink("../secret", tmp_path / "project" / "a")
    elif become == "fifo":
        os.mkfifo(tmp_path / "project" / "a")
    elif become == "directory":
        os.mkdir(tmp_path / "project" / "a")
    with pytest.raises(StateError, match="project/a: "):
        copied(tmp_path, "a")


def test_a_file_that_cannot_be_read_is_named():
    with ordinary_place() as place:
        fill(os.path.join(place, "project"), {"a": ""})
        os.chmod(os.path.join(place, "project", "a"), 0)
        with pytest.raises(StateError, match="project/a: cannot be read: Permission denied"):
            copy_sources(
                os.path.join(place, "project"),
                [Source("a", "file")],
                os.path.join(place, "run"),
                "sha256",
            )


def test_where_a_copy_cannot_be_written_the_error_names_it():
    with ordinary_place() as place:
        fill(os.path.join(place, "project"), {"a": ""})
        os.mkdir(os.path.join(place, "run"), 0o500)
        with pytest.raises(PermissionError) as caught:
            copy_sources(
                os.path.join(place, "project"),
                [Source("a", "file")],
                os.path.join(place, "run"),
                "sha256",
            )
        assert caught.value.filename == os.path.join(place, "run", "a")


def test_files_are_copied_beyond_the_length_of_a_path(tmp_path):
    (tmp_path / "project").mkdir()
    deepest = make_deep(tmp_path / "project", 30, "d" * 200)
    (copy,) = copied(tmp_path, f"{deepest}/leaf")
    assert copy.digest == sha256(b"").hexdigest()
    again = select_files(str(tmp_path / "run"), ["leaf"], runs_home="runs")
    assert again == [Source(f"{deepest}/leaf", "file")]


def test_progress_is_told_in_bytes(tmp_path):
    fill(tmp_path / "project", {"a": "123", "b": "12345"})
    told = []
    copied(tmp_path, "a", "b", progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 8), (8, 8)]
