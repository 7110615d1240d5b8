"""Files that are many, deep, odd, larger than the disk or not at rest, and file systems that
cannot do what others can: a run takes them, or says which it cannot take.
"""

import json
import os
import stat
import subprocess

import pytest

from gage import copying
from gage.cli import said
from gage.digest import digest_fd
from gage.errors import StateError
from gage.manifest import read_manifest
from gage.removing import remove_tree
from gage.run import open_run
from gage.sealing import seal_run_dir
from gage.sourcecode import Source
from tests.place import environment, lived_in
from tests.programs import can_be_killed, program, read, tree, write
from tests.test_dirs import make_deep

MEGABYTE = 1 << 20
TERABYTE = 1 << 40


@pytest.fixture(autouse=True)
def place(tmp_path):
    with lived_in(str(tmp_path), environment(str(tmp_path)), umask=0o022):
        yield str(tmp_path)
    remove_tree(str(tmp_path))  # pytest would keep what takes much room, and stumble over depth


def project(definition, **files):
    """A project whose gage file has the operation ``op``."""
    write("project/gage.yaml", f"op: {json.dumps(definition)}\n")
    for name, text in files.items():
        write(f"project/{name.replace('_py', '.py')}", text)


def done(*words, code=0, err=""):
    told = program(*words)
    assert (told.err, told.code) == (err, code), words
    return told.out


def begin(run="runs/one"):
    done("gage-init", run, "-C", "project", "op")
    return run


def live(run="runs/one"):
    """A whole life of a new run, that ends well."""
    begin(run)
    for verb in ("gage-stage", "gage-exec", "gage-finalize"):
        done(verb, run)
    return open_run(run)


MEASURE = """\
import os, sys
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)
"""


def measured(*words):
    """The exit code of a program, and how much memory it took, in bytes."""
    # Begun by ourselves, it would be said to take what we do.
    code, memory = program("python", "-c", MEASURE, *words).out.split()[-2:]
    return int(code), int(memory)


# Many files.

MANY = "import os\nfor n in range({count}):\n    open(f'made{{n}}', 'w').write(str(n))\n"


@pytest.mark.parametrize(
    ("staged", "made"),
    [
        (2_500, 2_500),
        pytest.param(100_000, 0, marks=pytest.mark.long),
        pytest.param(0, 100_000, marks=pytest.mark.long),
    ],
)
def test_many_files_go_in_and_come_out_in_little_memory(staged, made):
    project({"exec": "python make.py", "sourcecode": ["*"]}, make_py=MANY.format(count=made))
    for number in range(staged):
        if number % 1000 == 0:
            os.makedirs(f"project/data/{number // 1000}")
        with open(f"project/data/{number // 1000}/{number}", "w") as file:
            file.write(str(number))
    begin()
    for words in (
        ["gage-stage", "runs/one"],
        ["gage-exec", "-q", "runs/one"],
        ["gage-finalize", "runs/one"],
        ["gage-manifest", "--check", "runs/one"],
        ["gage-reopen", "--clean", "runs/one"],
    ):
        code, memory = measured(*words)
        assert code == 0, words
        assert memory < (50 if staged + made < 10_000 else 200) * MEGABYTE, words
        if words[0] == "gage-finalize":
            assert len(read_manifest(open_run("runs/one"))) == staged + made + 2
    assert len(read_manifest(open_run("runs/one"))) == staged + 2
    (row,) = json.loads("[" + done("gage-ls-runs", "--runs", "runs", "--json") + "]")
    assert row["status"] == "staged"


def test_the_rule_that_nobody_wrote_stops_at_a_thousand_files_and_says_so():
    project({"exec": "true"})
    for number in range(1_020):
        write(f"project/data/{number:04}.txt", "x")
    begin()
    told = program("gage-stage", "runs/one")
    assert told == (
        "",
        "gage-stage: left out data/: 21 files above 1,000 files; the pattern /data/** takes it\n",
        0,
    )
    entries = read_manifest(open_run("runs/one"))
    assert len(entries) == 1_000
    assert "data/0998.txt" in {entry.path for entry in entries}
    assert "left out data/: 21 files above 1,000 files" in read("runs/one.meta/log/runner")


# Deep and long.

DEEPEN = """\
import os
fd = os.open(".", os.O_RDONLY)
for _ in range({depth}):
    os.mkdir("g" * 20, dir_fd=fd)
    fd, old = os.open("g" * 20, os.O_RDONLY, dir_fd=fd), fd
    os.close(old)
os.write(os.open("out", os.O_CREAT | os.O_WRONLY, dir_fd=fd), b"deep")
"""


@pytest.mark.parametrize("depth", [250, pytest.param(1000, marks=pytest.mark.long)])
def test_a_run_lives_its_life_with_paths_that_no_call_would_take(depth):
    definition = {"exec": "python deepen.py", "sourcecode": ["*"]}
    project(definition, deepen_py=DEEPEN.format(depth=depth))
    os.mkdir("project/deep")
    os.mkdir("project/long")
    deep = f"deep/{make_deep('project/deep', depth, 'd' * 20)}/leaf"
    long = f"long/{make_deep('project/long', 20, 'n' * 255)}/leaf"
    made = f"{'g' * 20}/" * depth + "out"
    paths = {"gage.yaml", "deepen.py", deep, long, made}
    run = live()
    assert {entry.path for entry in read_manifest(run)} == paths
    assert done("gage-manifest", "--check", "runs/one") == ""
    listed = done("gage", "--runs", "runs", "ls", "-nz", "runs/one").split("\0")
    assert set(listed) == paths | {""}
    assert done("gage", "--runs", "runs", "cat", "runs/one", made) == "deep"
    done("gage-reopen", "--clean", "runs/one")
    assert sorted(os.listdir("runs/one")) == ["deep", "deepen.py", "gage.yaml", "long"]
    done("gage", "--runs", "runs", "restart", "-y", "-q", "runs/one")
    assert done("gage-status", "runs/one") == "completed\n"
    # What is changed down there is seen.
    change_leaf("runs/one/deep", "d" * 20, depth)
    changed = f"changed {deep}\n"
    assert done("gage-manifest", "--check", "runs/one", code=1) == changed
    told = program("gage-reopen", "runs/one")
    assert told.code == 20 and told.err.startswith(f"gage-reopen: runs/one/{deep}: not as it was")
    done("gage", "--runs", "runs", "runs", "rm", "-y", "1")
    done("gage", "--runs", "runs", "runs", "purge", "-y", "1")
    assert not os.path.lexists(run.run_dir) and os.listdir("runs/.trash") == []


def change_leaf(root, name, depth):
    """Change the file ``leaf`` in *depth* directories called *name*."""
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        fd, old = os.open(name, os.O_RDONLY, dir_fd=fd), fd
        os.close(old)
    os.chmod("leaf", 0o644, dir_fd=fd)
    leaf = os.open("leaf", os.O_WRONLY, dir_fd=fd)
    os.write(leaf, b"changed")
    os.close(leaf)
    os.close(fd)


def test_make_is_not_told_of_a_path_that_it_could_not_look_at():
    project({"exec": "true", "sourcecode": ["*"]})
    os.mkdir("project/deep")
    path = f"deep/{make_deep('project/deep', 30, 'd' * 200)}/leaf"
    live()
    told = program("gage-manifest", "--depfile", "one.d", "runs/one")
    assert (told.out, told.code) == ("", 20)
    assert told.err.startswith(f"gage-manifest: project/{path}: make cannot be told this name")
    assert not os.path.lexists("one.d")


# Odd names.

ODD = [
    *("new\nline", "cr\rhere", "cr at the end\r", "trailing ", " leading", " ", "tab\there"),
    *("-rf", "--help", "-", "back\\slash", "\udcff\udcfe", "ünï", "n" * 250, "*?[x]", "#", "~"),
    *("$(touch canary)", "`touch canary`", "a=b", "'\"", "\x1b[2J\x07", "é\u202e"),
]
COPY_ALL = """\
import os
for name in os.listdir(b"in"):
    with open(b"in/" + name, "rb") as file, open(b"out-" + name, "wb") as copy:
        copy.write(file.read())
"""


def test_files_of_any_name_go_through_every_verb():
    project({"exec": "python copy_all.py", "sourcecode": ["*"]})
    write("project/copy_all.py", COPY_ALL)
    for name in ODD:
        write(f"project/in/{name}", name)
    made = {f"out-{name}" for name in ODD}
    wanted = {"gage.yaml", "copy_all.py"} | {f"in/{name}" for name in ODD} | made
    run = live()
    live("runs/two")
    for again in (True, False):
        assert {entry.path for entry in read_manifest(run)} == wanted
        records = done("gage-manifest", "-z", "runs/one").split("\0")[:-1]
        assert {record.split(" ", 2)[2] for record in records} == wanted
        listed = done("gage", "--runs", "runs", "ls", "-anz", "runs/one")
        assert set(listed.split("\0")) == {*wanted, ""}
        assert {read(f"runs/one/{path}") for path in made} == set(ODD)
        assert done("gage-manifest", "--check", "runs/one") == ""
        if again:
            done("gage-reopen", "--clean", "runs/one")
            assert not made & set(os.listdir("runs/one"))
            done("gage", "--runs", "runs", "restart", "-yq", "runs/one")
    table = done("gage", "--runs", "runs", "ls", "runs/one")
    assert len(table.split("\n")) - 1 == len(wanted)
    assert not any(c in table for c in "\x1b\x07\r\u202e")
    for name in ("-rf", "new\nline", "\udcff\udcfe"):
        assert done("gage", "--runs", "runs", "cat", "runs/one", f"out-{name}") == name
        os.chmod(f"runs/two/out-{name}", 0o644)
        write(f"runs/two/out-{name}", "other")
        write(f"project/in/{name}", "other")
    changed = done("gage-manifest", "--check", "-z", "runs/two", code=1).split("\0")[:-1]
    assert set(changed) == {f"changed out-{name}" for name in ("-rf", "new\nline", "\udcff\udcfe")}
    done("gage-reopen", "--clean", "--force-sourcecode", "runs/two")
    words = ("gage", "--runs", "runs", "runs", "diff", "--json", "runs/one", "runs/two")
    found = json.loads(done(*words, code=1))
    assert set(found["files"]) == made | {"in/-rf", "in/new\nline", "in/\udcff\udcfe"}
    assert not os.path.exists("canary") and not os.path.exists("project/canary")


def test_make_is_told_the_names_it_can_be_told_and_refused_the_others():
    project({"exec": "true", "sourcecode": ["*"]})
    for name in ODD:
        write(f"project/in/{name}", name)
    live()
    told = program("gage-manifest", "--depfile", "one.d", "runs/one")
    assert told.code == 20 and not os.path.lexists("one.d")
    # A name of two lines is said in two, the second indented.
    said_so = {name: f"in/{said(name)}: make cannot be told this name" for name in ODD}
    lost = {name for name in ODD if said_so[name] in told.err}
    assert "new\nline" in lost
    assert not {"-rf", "a=b", "#", "*?[x]", "`touch canary`", "\udcff\udcfe"} & lost
    for name in lost:
        os.unlink(f"project/in/{name}")
    live("runs/two")
    done("gage-manifest", "--depfile", "two.d", "runs/two")
    make = ["make", "-rf", "two.d", "-q", "runs/two.meta/stopped"]
    assert subprocess.run(make, capture_output=True).returncode == 0
    assert not os.path.exists("canary")


# Such as they are one by one is a matter of time alone.
ALL_ODD = "-rf new\nline\r\t\\\udcff'\"$(touch canary)\x1b[2Jé\u202e =#*?[x]~ "


@pytest.mark.parametrize("name", [ALL_ODD, *(pytest.param(n, marks=pytest.mark.long) for n in ODD)])
def test_a_run_may_have_any_name(name):
    run = f"runs/{name}"
    done("gage-init", run, "--", "sh", "-c", "echo out; echo x > made")
    done("gage-stage", run)
    assert done("gage-exec", run) == "out\n"
    done("gage-finalize", run)
    assert done("gage-status", run) == "completed\n"
    assert done("gage-output", run) == "out\n"
    done("gage-reopen", "--clean", run)
    done("gage", "--runs", "runs", "restart", "-yq", run)
    assert done("gage-ls-runs", "--runs", "runs", "-z") == f"{run}\0"
    assert len(done("gage", "--runs", "runs", "runs").split("\n")) == 2
    for words in (["rm", "-y", "1"], ["restore", "1"], ["label", "best", "1"]):
        done("gage", "--runs", "runs", "runs", *words)
    assert done("gage-status", run) == "completed\n"


# Larger than the disk.

HUGE = """\
import os
with open("huge", "wb") as file:
    file.truncate(1 << 40)
    for number in range(16):
        file.seek(number * (1 << 36) + 5000)
        file.write(bytes([number + 1]) * 65536)
"""


def can_be_huge():
    try:
        with open("huge", "wb") as file:
            file.truncate(TERABYTE)
            return os.fstat(file.fileno()).st_blocks == 0
    except OSError:
        return False
    finally:
        os.unlink("huge")


def test_a_terabyte_of_holes_goes_in_and_comes_out_and_is_never_read(place):
    if not can_be_huge():
        pytest.skip("this file system has no files of a terabyte with holes")
    project({"exec": "python make.py", "sourcecode": ["*.py", "in"]}, make_py=HUGE)
    subprocess.run(["python", "project/make.py"], check=True)
    os.rename("huge", "project/in")
    run = live()
    entries = {entry.path: entry for entry in read_manifest(run)}
    # Both hold the same, and hash what is stored alone: both took a moment.
    assert entries["in"].digest == entries["huge"].digest
    assert entries["in"].digest.startswith("sparse-sha256:")
    for name in ("in", "huge"):
        status = os.stat(f"runs/one/{name}")
        assert status.st_size == TERABYTE and status.st_blocks * 512 < 4 * MEGABYTE
        assert stat.S_IMODE(status.st_mode) == 0o444
    assert done("gage-manifest", "--check", "runs/one") == ""
    (blake3,) = [
        line.split()[1]
        for line in done("gage-manifest", "--digest", "blake3", "runs/one").splitlines()
        if line.endswith(" huge")
    ]
    assert blake3.startswith("sparse-blake3:")
    done("gage-reopen", "runs/one")
    # A byte in the middle of a hole is seen, wherever it is.
    os.chmod("runs/one/in", 0o644)
    with open("runs/one/in", "r+b") as file:
        file.seek(TERABYTE // 2 + 12_345_678)
        file.write(b"x")
    assert done("gage-manifest", "--check", "runs/one", code=1) == "changed in\n"
    told = program("gage-exec", "runs/one")
    assert (told.code, told.err.splitlines()[0]) == (
        125,
        "gage-exec: runs/one/in: not as it was staged",
    )


def test_a_file_that_lost_its_holes_is_still_the_same_file():
    """As when it was moved by a program that knows of none."""
    project({"exec": "python fill.py", "sourcecode": ["*"]}, fill_py=FILL)
    with open("project/in", "wb") as file:
        file.truncate((1 << 30) + (50 << 20))
        file.seek(123_456_789)
        file.write(b"data")
    begin()
    done("gage-stage", "runs/one")
    entry = next(entry for entry in read_manifest(open_run("runs/one")) if entry.path == "in")
    assert entry.digest.startswith("sparse-sha256:")
    os.chmod("runs/one/in", 0o644)
    done("gage-exec", "runs/one")
    assert os.stat("runs/one/in").st_blocks * 512 > 1 << 20
    done("gage-finalize", "runs/one")
    assert entry in read_manifest(open_run("runs/one"))
    assert "m s" not in read("runs/one.meta/log/files")
    assert done("gage-manifest", "--check", "runs/one") == ""
    done("gage-reopen", "runs/one")
    assert entry in read_manifest(open_run("runs/one"))


FILL = """\
with open("in", "r+b") as file:
    for offset in range(0, 100 << 20, 1 << 20):
        file.seek(offset)
        data = file.read(1 << 20)
        file.seek(offset)
        file.write(data)
"""


def test_huge_files_of_a_run_are_dependencies_like_any_other(place):
    write(
        "project/gage.yaml",
        "make: {exec: python make.py, sourcecode: [make.py]}\n"
        "op: {exec: 'true', sourcecode: [], depends: [{run: make, files: huge}]}\n",
    )
    write("project/make.py", HUGE)
    if not can_be_huge():
        pytest.skip("this file system has no files of a terabyte with holes")
    done("gage-init", "runs/make", "-C", "project", "make")
    for verb in ("gage-stage", "gage-exec", "gage-finalize"):
        done(verb, "runs/make")
    run = live()
    (made,) = [entry for entry in read_manifest(open_run("runs/make")) if entry.path == "huge"]
    assert read_manifest(run) == [made._replace(type="d")]
    assert os.stat("runs/one/huge").st_blocks * 512 < 4 * MEGABYTE


# Not at rest.

CHANGES = ["grows", "shrinks", "is written over", "is emptied", "is replaced"]
SIZE = 4 * MEGABYTE


def change(path, how):
    if how == "is replaced":
        write(f"{path}.new", "new")
        os.rename(f"{path}.new", path)
        return
    with open(path, "r+b") as file:
        if how == "grows":
            file.seek(0, os.SEEK_END)
            file.write(os.urandom(8))
        elif how == "shrinks":
            file.truncate(os.fstat(file.fileno()).st_size - 1)
        elif how == "is emptied":
            file.truncate(0)
        else:
            file.write(os.urandom(8))
            file.seek(SIZE - 8)
            file.write(os.urandom(8))


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("times", [1, 1000])
def test_what_changes_while_it_is_copied_is_copied_again_or_refused(monkeypatch, how, times):
    write("project/file", "x" * SIZE)
    real, left = copying.write_all, [times]

    def write_and_change(fd, data):
        real(fd, data)
        if left[0]:
            left[0] -= 1
            change("project/file", how)

    monkeypatch.setattr(copying, "write_all", write_and_change)
    sources = [Source("file", "file")]
    if times > 1 and how not in ("is emptied", "is replaced"):
        with pytest.raises(StateError, match="project/file: changed while it was copied"):
            copying.copy_sources("project", sources, "run", "sha256")
        return
    (copy,) = copying.copy_sources("project", sources, "run", "sha256")
    with open("run/file", "rb") as file:
        held = file.read()
        assert digest_fd(file.fileno(), "sha256") == copy.digest
    # The copy of a file that was replaced is that of the one that was opened.
    assert held.decode("latin-1") == ("x" * SIZE if how == "is replaced" else latin("project/file"))


def latin(path):
    with open(path, encoding="latin-1", newline="") as file:
        return file.read()


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("times", [1, 1000])
def test_what_changes_while_it_is_sealed_is_read_again_or_told(how, times):
    write("run/file", "x" * SIZE)
    left = [times]

    def progress(done, total):
        if left[0]:
            left[0] -= 1
            change("run/file", how)

    sealed = seal_run_dir("run", {}, "sha256", progress=progress)
    (file,) = [file for file in sealed.files if file.path == "file"]
    told = [(skipped.path, skipped.reason) for skipped in sealed.skipped]
    if times > 1 and how in ("grows", "shrinks", "is written over"):
        assert told == [("file", "it changed while it was read")]
    elif how != "is replaced":
        assert told == []
        with open("run/file", "rb") as opened:
            assert digest_fd(opened.fileno(), "sha256") == file.digest


# File systems that cannot do what others can.


def without(calls, error, *words, path=""):
    """Run a program where the system *calls*, on *path* or on any, fail."""
    where = ["-P", path] if path else []
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", *where, "-e", f"trace={calls}"),
            *("-e", f"inject={calls}:error={error}", *words),
        ],
        env={**os.environ, "GAGE_FSYNC": "commit"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.stderr, done.returncode


needs_strace = pytest.mark.skipif(not can_be_killed(), reason="strace does not work here")

OUT = "import os\nprint('out')\nfor n in range(20):\n    open(f'out{n}', 'w').write('x')\n"


@needs_strace
@pytest.mark.parametrize("error", ["EPERM", "EMLINK"])
def test_where_there_are_no_hard_links_attempts_are_copied(error):
    project({"exec": "python out.py"}, out_py=OUT)
    run = live()
    facts = {path: held for path, held in tree("runs/one.meta").items() if held[0][0] == "-"}
    assert without("link,linkat", error, "gage-reopen", "runs/one") == ("", 0)
    kept = {p: h for p, h in tree("runs/one.meta/attempts/1").items() if h[0][0] == "-"}
    assert {"proc/exit", "output/40_run", "output/40_run.index", "started"} <= set(kept)
    assert kept == {path: facts[path] for path in kept}
    for verb in ("gage-exec", "gage-finalize"):
        done(verb, "runs/one")
    assert done("gage-status", run.run_dir) == "completed\n"
    assert os.listdir("runs/.tmp") == []


@needs_strace
def test_where_a_file_system_cannot_be_synced_alone_all_are():
    project({"exec": "python out.py"}, out_py=OUT)
    begin()
    done("gage-stage", "runs/one")
    done("gage-exec", "runs/one")
    assert without("syncfs", "EIO", "gage-finalize", "runs/one") == (
        "gage-finalize: runs/one: not finalized: Input/output error\n"
        "hint: mend that, then gage-finalize runs/one\n",
        12,
    )
    assert done("gage-status", "runs/one") == "exited\n"
    assert without("syncfs", "ENOSYS", "gage-finalize", "runs/one") == ("", 0)
    assert done("gage-status", "runs/one") == "completed\n"


@needs_strace
@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        ("ENOLCK", "pending", ["gage-stage", "runs/one"]),
        ("EINVAL", "staged", ["gage-exec", "runs/one"]),
        ("EOPNOTSUPP", "completed", ["gage-finalize", "runs/one"]),
        ("ENOLCK", "completed", ["gage-reopen", "runs/one"]),
        ("EINVAL", "completed", ["gage", "--runs", "runs", "runs", "rm", "-y", "1"]),
    ],
)
def test_where_there_are_no_locks_every_verb_refuses_and_says_why(error, status, words):
    done("gage-init", "runs/one", "--", "true")
    if status != "pending":
        done("gage-stage", "runs/one")
    if status == "completed":
        done("gage-exec", "runs/one")
        done("gage-finalize", "runs/one")
    err, code = without_locks(error, words)
    assert code == (125 if words[0] == "gage-exec" else 12)
    assert "runs/.locks/one/runner: cannot be locked: " in err
    assert err.endswith("hint: its file system has no such locks: keep the runs elsewhere\n")
    assert done("gage-status", "runs/one") == f"{status}\n"


def without_locks(error, words):
    # The interpreter needs fcntl(2) to start: only that on locks fails.
    os.makedirs("runs/.locks/one", exist_ok=True)
    open("runs/.locks/one/runner", "a").close()
    return without("fcntl", error, *words, path=os.path.abspath("runs/.locks/one/runner"))


@needs_strace
def test_where_there_are_no_flocks_all_else_is_as_ever():
    for error in ("ENOLCK", "EOPNOTSUPP"):
        assert without("flock", error, "gage-init", f"runs/{error}", "--", "true") == ("", 0)
        assert done("gage-status", f"runs/{error}") == "pending\n"


@needs_strace
def test_where_modes_cannot_be_changed_staging_refuses_by_name():
    project({"exec": "python out.py", "config": "c.json"}, out_py=OUT, **{"c.json": '{"x": 1}'})
    done("gage-init", "runs/one", "-C", "project", "op", "x=2")
    err, code = without("fchmod,fchmodat,chmod", "EPERM", "gage-stage", "runs/one")
    assert (err, code) == (
        "gage-stage: runs/one: c.json: cannot be sealed: "
        "its file system keeps no modes, and it stays writable\n",
        20,
    )
    assert done("gage-status", "runs/one") == "pending\n"
    done("gage-stage", "runs/one")
    done("gage-exec", "runs/one")
    err, code = without("fchmod,fchmodat,chmod", "EPERM", "gage-finalize", "runs/one")
    assert code == 0
    assert "out7: skipped: its file system keeps no modes, and it stays writable" in err
    assert done("gage-status", "runs/one") == "completed\n"


@needs_strace
def test_where_there_are_no_symbolic_links_what_needs_them_refuses_by_name():
    write("project/gage.yaml", "op: {exec: 'true'}\nall: {steps: [op]}\n")
    os.symlink("gage.yaml", "project/link")
    for operation, path in (("op", "runs/op/link"), ("all", "runs/all/op")):
        done("gage-init", f"runs/{operation}", "-C", "project", operation)
        err, code = without("symlink,symlinkat", "EPERM", "gage-stage", f"runs/{operation}")
        assert (err.splitlines()[0].replace("./", ""), code) == (
            f"gage-stage: {path}: cannot be made: its file system has no symbolic links",
            12,
        )
        assert done("gage-status", f"runs/{operation}") == "pending\n"
        done("gage-stage", f"runs/{operation}")
