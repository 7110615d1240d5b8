"""A sealed run is digested and read-only, and nothing outside it was touched."""

import os
import stat
import threading
import time
from hashlib import sha256

import pytest

from gage.digest import digest_fd, link_digest
from gage.run_files import Skipped
from gage.sealing import digest_run_dir, seal_facts, seal_run_dir, unseal
from tests.nobody import ordinary_place
from tests.test_dirs import make_deep
from tests.test_ignored import fill

EMPTY = sha256(b"").hexdigest()


def seal(root, known=None, algorithm="sha256", **options):
    return seal_run_dir(str(root), known or {}, algorithm, **options)


def mode(*parts):
    return stat.S_IMODE(os.lstat(os.path.join(*parts)).st_mode)


@pytest.mark.parametrize("sync", ["commit", "all", "none"])
@pytest.mark.parametrize("count", [1, 30])
def test_files_are_digested_and_made_read_only(tmp_path, sync, count):
    fill(tmp_path, {f"in/{number:02}": str(number) for number in range(count)})
    sealed = seal(tmp_path, sync=sync)
    assert [(file.path, file.digest) for file in sealed.files] == [
        (f"in/{number:02}", sha256(str(number).encode()).hexdigest()) for number in range(count)
    ]
    assert {mode(tmp_path, file.path) for file in sealed.files} == {0o444}
    assert sealed.skipped == []
    assert seal(tmp_path, sync=sync) == sealed


@pytest.mark.parametrize(
    ("before", "after"),
    [(0o644, 0o444), (0o755, 0o555), (0o6777, 0o555), (0o1600, 0o400), (0o444, 0o444)],
)
def test_what_was_executable_stays_so(tmp_path, before, after):
    fill(tmp_path, {"a": ""})
    os.chmod(tmp_path / "a", before)
    seal(tmp_path)
    assert mode(tmp_path, "a") == after


def test_a_link_is_recorded_and_not_followed(tmp_path):
    fill(tmp_path, {"run/in/x": "", "outside": "o"})
    os.chmod(tmp_path / "outside", 0o640)
    for path, target in [("file", "../outside"), ("dir", ".."), ("loop", "loop"), ("in/up", "..")]:
        (tmp_path / "run" / path).symlink_to(target)
    sealed = seal(tmp_path / "run")
    assert [(f.path, f.digest, f.kind) for f in sealed.files] == [
        ("dir", link_digest(".."), "link"),
        ("file", link_digest("../outside"), "link"),
        ("loop", link_digest("loop"), "link"),
        ("in/up", link_digest(".."), "link"),
        ("in/x", EMPTY, "file"),
    ]
    assert mode(tmp_path, "outside") == 0o640


def test_a_file_with_hard_links_elsewhere_keeps_its_mode(tmp_path):
    fill(tmp_path, {"run/a": "a", "run/b": "b"})
    os.link(tmp_path / "run" / "a", tmp_path / "outside")
    os.link(tmp_path / "run" / "b", tmp_path / "run" / "b2")
    sealed = seal(tmp_path / "run")
    assert [file.path for file in sealed.files] == ["a", "b", "b2"]
    assert [skipped.path for skipped in sealed.skipped] == ["a"]
    assert "hard links elsewhere" in sealed.skipped[0].reason
    assert mode(tmp_path, "outside") == 0o644
    assert mode(tmp_path, "run", "b") == 0o444


def test_fifos_and_sockets_do_no_harm_and_are_told(tmp_path):
    fill(tmp_path, {"a": ""})
    os.mkfifo(tmp_path / "pipe", 0o644)
    sealed = seal(tmp_path)
    assert [file.path for file in sealed.files] == ["a"]
    assert sealed.skipped == [Skipped("pipe", "no file: a FIFO")]
    assert mode(tmp_path, "pipe") == 0o644


def test_a_known_digest_is_believed_and_the_file_sealed(tmp_path):
    fill(tmp_path, {f"{number:02}": "" for number in range(20)} | {"writable": "", "sealed": ""})
    os.chmod(tmp_path / "sealed", 0o444)
    known = dict.fromkeys(("writable", "sealed"), "f" * 64)
    digests = {file.path: file.digest for file in seal(tmp_path, known).files}
    assert digests["writable"] == digests["sealed"] == "f" * 64
    assert digests["00"] == EMPTY
    assert mode(tmp_path, "writable") == 0o444


def test_a_link_in_the_place_of_a_known_file_is_a_link(tmp_path):
    (tmp_path / "a").symlink_to("/etc/passwd")
    known = {"a": "f" * 64}
    assert seal(tmp_path, known).files[0].digest == link_digest("/etc/passwd")


@pytest.mark.parametrize("become", ["gone", "link", "file"])
def test_a_run_dir_that_is_none_any_more_has_no_files(tmp_path, become):
    fill(tmp_path, {"outside/a": ""})
    if become == "link":
        (tmp_path / "run").symlink_to("outside")
    elif become == "file":
        (tmp_path / "run").touch()
    sealed = seal(tmp_path / "run")
    assert sealed.files == []
    assert [skipped.path for skipped in sealed.skipped] == ["."]
    assert mode(tmp_path, "outside", "a") == 0o644


def test_what_the_command_made_unreadable_is_sealed_all_the_same():
    with ordinary_place() as place:
        run = os.path.join(place, "run")
        fill(run, {"closed/inner/a": "a", "b": "b", "c": "c"})
        for path, bits in [("b", 0), ("c", 0o200), ("closed/inner/a", 0), ("closed/inner", 0o400)]:
            os.chmod(os.path.join(run, path), bits)
        os.chmod(os.path.join(run, "closed"), 0)
        os.chmod(run, 0)
        sealed = seal(run)
        assert sealed.skipped == []
        assert {file.path: file.digest for file in sealed.files} == {
            "b": sha256(b"b").hexdigest(),
            "c": sha256(b"c").hexdigest(),
            "closed/inner/a": sha256(b"a").hexdigest(),
        }
        assert {mode(run, file.path) for file in sealed.files} == {0o400}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
def test_what_belongs_to_another_user_is_told():
    with ordinary_place() as place:
        fill(place, {"ours": ""})
        os.seteuid(0)
        fill(place, {"theirs": "x"})
        os.seteuid(os.stat(os.path.join(place, "ours")).st_uid)
        sealed = seal(place)
        assert [file.path for file in sealed.files] == ["ours", "theirs"]
        assert [skipped.path for skipped in sealed.skipped] == ["theirs"]
        assert "another user" in sealed.skipped[0].reason


def test_files_are_sealed_beyond_the_length_of_a_path(tmp_path):
    (tmp_path / "run").mkdir()
    deepest = make_deep(tmp_path / "run", 150, "d" * 200)
    assert [file.path for file in seal(tmp_path / "run").files] == [f"{deepest}/leaf"]


def test_names_of_any_bytes_are_sealed(tmp_path):
    names = ["new\nline", " ", "\\", b"\xff".decode("utf-8", "surrogateescape"), "n" * 255]
    fill(tmp_path, dict.fromkeys(names, ""))
    assert {file.path for file in seal(tmp_path).files} == set(names)


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_large_files_are_digested_as_small_ones_are(tmp_path, algorithm):
    for number in range(5):
        with open(tmp_path / f"large{number}", "wb") as file:
            file.write(os.urandom(1 << 20) * 5)
    fill(tmp_path, {"small": "x"})
    told = []
    sealed = seal(tmp_path, algorithm=algorithm, progress=lambda *done: told.append(done))
    for file in sealed.files:
        with open(tmp_path / file.path, "rb") as opened:
            assert file.digest == digest_fd(opened.fileno(), algorithm)
    assert {mode(tmp_path, file.path) for file in sealed.files} == {0o444}
    assert all(done <= total == 5 * 5 * (1 << 20) + 1 for done, total in told)


def test_a_file_that_is_still_written_to_is_told(tmp_path):
    fill(tmp_path, {"a": "x" * (1 << 22)})
    begun, stop = threading.Event(), threading.Event()

    def write():
        with open(tmp_path / "a", "r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(0, os.SEEK_END)
                file.write(b"y")
                begun.set()
                time.sleep(0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        begun.wait()
        # Where the writer was kept from writing meanwhile, there is nothing to tell.
        for _ in range(50):
            if (sealed := seal(tmp_path)).skipped:
                break
    finally:
        stop.set()
        writer.join()
    assert sealed.skipped == [Skipped("a", "it changed while it was read")]
    assert [file.path for file in sealed.files] == ["a"]


def test_a_thread_that_swaps_files_for_links_gets_nothing_outside_changed(tmp_path):
    fill(tmp_path, {"run/in/a": "", "outside/a": "secret"})
    os.chmod(tmp_path / "outside" / "a", 0o640)
    stop = threading.Event()
    inside, away = tmp_path / "run" / "in", tmp_path / "away"

    def swap():
        while not stop.is_set():
            os.rename(inside, away)
            os.symlink("../outside", inside)
            os.unlink(inside)
            os.rename(away, inside)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(300):
            sealed = seal(tmp_path / "run", sync="none")
            digests = [file.digest for file in sealed.files if file.path == "in/a"]
            assert digests in ([], [EMPTY])
            unseal(str(tmp_path / "run"), ["in/a"])
    finally:
        stop.set()
        swapper.join()
    assert mode(tmp_path, "outside", "a") == 0o640


def test_digesting_alone_changes_nothing(tmp_path):
    fill(tmp_path, {"a": "", "b": ""})
    (tmp_path / "link").symlink_to("a")
    found = digest_run_dir(str(tmp_path), {"b": "blake3"}, "sha256")
    assert [file.digest[:6] for file in found.files] == [
        EMPTY[:6],
        "blake3",
        "link:" + link_digest("a")[5],
    ]
    assert mode(tmp_path, "a") == 0o644


def test_what_cannot_be_read_has_no_digest():
    with ordinary_place() as place:
        fill(place, {"a": "", "b": ""})
        os.chmod(os.path.join(place, "a"), 0)
        found = digest_run_dir(place, {}, "sha256")
        assert [file.path for file in found.files] == ["b"]
        assert found.skipped == [Skipped("a", "cannot be read: Permission denied")]
        assert mode(place, "a") == 0


@pytest.mark.parametrize("sync", ["commit", "none"])
def test_facts_and_logs_are_made_read_only(tmp_path, sync):
    fill(tmp_path, {"meta/log/runner": "", "meta/output/40_run": "", "meta/id": "", "outside": ""})
    os.chmod(tmp_path / "meta" / "id", 0o444)
    os.symlink("../outside", tmp_path / "meta" / "link")
    os.link(tmp_path / "outside", tmp_path / "meta" / "shared")
    seal_facts(str(tmp_path / "meta"), sync=sync)
    for fact in ("log/runner", "output/40_run", "id"):
        assert mode(tmp_path, "meta", fact) == 0o444
    assert mode(tmp_path, "outside") == 0o644


def test_what_is_unsealed_can_be_written_to_again(tmp_path):
    fill(tmp_path, {"run/a": "", "run/x.sh": "", "run/in/b": "", "run/kept": "", "outside": ""})
    os.chmod(tmp_path / "run" / "x.sh", 0o755)
    (tmp_path / "run" / "link").symlink_to("../outside")
    os.link(tmp_path / "run" / "kept", tmp_path / "elsewhere")
    os.chmod(tmp_path / "outside", 0o444)
    seal(tmp_path / "run")
    os.chmod(tmp_path / "run" / "kept", 0o444)
    unseal(str(tmp_path / "run"), ["a", "x.sh", "in/b", "gone", "in/gone/too", "link", "kept"])
    modes = [mode(tmp_path, "run", path) for path in ("a", "x.sh", "in/b", "kept")]
    assert modes == [0o644, 0o755, 0o644, 0o444]
    assert mode(tmp_path, "outside") == 0o444
