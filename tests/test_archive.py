"""Archives of runs: what goes in comes out, and what a stranger packed does no harm."""

import copy
import gzip
import io
import os
import random
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage.archive import inner_link, write_archive
from gage.arrival import import_runs
from gage.beginning import init_run_meta
from gage.claims import check_run
from gage.compression import compressing
from gage.errors import ConfigError, GageError, LockedError, StateError
from gage.fact_sizes import Sizes
from gage.locks import holding
from gage.opdef import OpCmd, OpDef
from gage.opref import OpRef
from gage.plumbing.exec import exec_run
from gage.plumbing.finalize import finalize_run
from gage.plumbing.stage import stage_run
from gage.run import make_run, open_run, read_fact, run_meta_path, run_names
from gage.status import run_status
from tests.programs import tree, write
from tests.staged import staged_run

NAME = "one"


def finished(home, *, digest="sha256", files=(), links=None):
    """A run in *home* that made *files*, path to bytes, and *links*, path to target."""
    run = make_run(OpRef("", "test"), str(home), name=NAME, sync="none")
    opdef = OpDef(
        "test", {"digest": digest, "exec": "true", "sourcecode": False, "flags": {"lr": 0.1}}
    )
    init_run_meta(run, opdef, {"lr": 0.1}, OpCmd(["true"], {}))
    stage_run(run, str(home))
    for path, data in dict(files or {"out/made": b"made\n"}).items():
        target = os.path.join(run.run_dir, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)
    os.symlink("made", f"{run.run_dir}/out-link") if not files else None
    for path, link in (links or {}).items():
        os.symlink(link, f"{run.run_dir}/{path}")
    assert exec_run(run, echo=False) == 0
    finalize_run(run)
    return run


def packed(run):
    """The archive of *run*, as bytes."""
    stream = io.BytesIO()
    write_archive([run], stream)
    return stream.getvalue()


def taken(data, home, **options):
    """What comes of importing the archive *data*; what was told."""
    told = []
    options = {"sync": "none", "tell": told.append} | options
    return import_runs(io.BytesIO(data), str(home), **options), told


@pytest.fixture
def entries(tmp_path):
    """The entries of a good archive, in order: what each is and holds."""
    data = packed(finished(tmp_path / "from"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(info, info.isreg() and tar.extractfile(info).read()) for info in tar]


def repacked(entries):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in entries:
            if data:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data or b""))
    return stream.getvalue()


def entry(name, type=tarfile.REGTYPE, link="", data=b"", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = type, link, mode
    return info, data


def replaced(entries, name, data):
    return [(info, data if info.name == name else old) for info, old in entries]


@pytest.mark.parametrize("digest", ["sha256", "blake3"])
def test_a_run_comes_out_as_it_went_in(tmp_path, digest):
    run = finished(tmp_path / "from", digest=digest)
    (arrived,), told = taken(packed(run), tmp_path / "to")
    assert (arrived.is_new, told) == (True, [])
    assert tree(arrived.run.run_dir) == tree(run.run_dir)
    assert tree(arrived.run.meta_dir) == tree(run.meta_dir)
    assert check_run(open_run(arrived.run.run_dir)) == []
    assert os.listdir(tmp_path / "to" / ".tmp") == []
    mtime = os.stat(f"{run.run_dir}/out/made").st_mtime
    assert abs(os.stat(f"{arrived.run.run_dir}/out/made").st_mtime - mtime) < 0.000_01


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20)
FILES = st.dictionaries(
    NAMES.filter(lambda name: name not in (".", "..")), st.binary(max_size=2000), max_size=4
)


@settings(max_examples=15)
@given(FILES)
def test_any_files_go_round(tmp_path_factory, files):
    place = tmp_path_factory.mktemp("round")
    files = {f"out/{name}": data for name, data in files.items()} | {
        b"out/\xff".decode("utf-8", "surrogateescape"): b"x"
    }
    run = finished(place / "from", files=files)
    (arrived,), _ = taken(gzip.compress(packed(run)), place / "to")
    assert tree(arrived.run.run_dir, inside=False) == tree(run.run_dir, inside=False)
    assert check_run(open_run(arrived.run.run_dir)) == []


def test_the_same_run_stays_and_another_of_its_name_is_refused(tmp_path):
    data = packed(finished(tmp_path / "from"))
    taken(data, tmp_path / "to")
    before = tree(str(tmp_path / "to"))
    (arrived,), _ = taken(data, tmp_path / "to")
    assert not arrived.is_new
    other = packed(finished(tmp_path / "other"))
    with pytest.raises(StateError, match="another run of this name is here"):
        taken(other, tmp_path / "to")
    assert tree(str(tmp_path / "to")) == before


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("config.json", b'{"lr": 0.2}\n'),
        ("opref", b'2 "" other\n'),
        ("proc/cmd.json", b'["false"]\n'),
        ("sys/host.json", b'"elsewhere"\n'),
        ("unknown-to-gage", b"x"),
    ],
)
def test_a_run_is_the_same_only_where_every_fact_is(tmp_path, entries, name, data):
    taken(repacked(entries), tmp_path / "to")
    before = tree(str(tmp_path / "to"))
    others = [e for e in entries if e[0].name != f"one.meta/{name}"]
    others.append(entry(f"one.meta/{name}", data=data))
    with pytest.raises(StateError, match=f"is here already, and not the same: {name} differs"):
        taken(repacked(others), tmp_path / "to")
    assert tree(str(tmp_path / "to")) == before


def renamed(entries, name):
    copies = [(copy.copy(info), data) for info, data in entries]
    for info, _ in copies:
        info.name = info.name.replace("one", name, 1)
    return copies


def test_no_run_comes_in_under_two_names(entries, outside):
    with pytest.raises(ConfigError, match="two: has the ID of one, too"):
        taken(repacked([*entries, *renamed(entries, "two")]), outside)


def test_a_run_that_is_here_under_another_name_is_refused(tmp_path, entries):
    taken(repacked(entries), tmp_path / "to")
    before = tree(str(tmp_path / "to"))
    with pytest.raises(StateError, match="one: is here already, under this name and not as two"):
        taken(repacked(renamed(entries, "two")), tmp_path / "to")
    assert tree(str(tmp_path / "to")) == before


def test_a_run_that_is_at_work_is_not_archived(tmp_path):
    run = finished(tmp_path)
    with holding(run), pytest.raises(LockedError, match="is at work"):
        packed(run)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "../two/x", "a/../../.."])
def test_a_link_that_leads_outside_is_not_archived(tmp_path, target):
    run = finished(tmp_path, links={"away": target})
    with pytest.raises(StateError, match="a link that leads outside"):
        packed(run)


def test_what_could_not_be_imported_is_not_archived(tmp_path):
    run = finished(tmp_path)
    added = write(f"{run.run_dir}/notes.txt", "later\n")
    stream = io.BytesIO()
    with pytest.raises(StateError, match=r"one/notes\.txt: the manifest does not know it"):
        write_archive([run], stream)
    assert stream.getvalue() == b""
    os.unlink(added)
    write(run_meta_path(run, "unknown-to-gage"), "a note of mine\n")
    (arrived,), _ = taken(packed(run), tmp_path / "to")
    assert tree(arrived.run.meta_dir).keys() == tree(run.meta_dir).keys()
    os.chmod(run_meta_path(run, "config.json"), 0o644)
    with open(run_meta_path(run, "config.json"), "a", encoding="utf-8") as file:
        file.write(" " * 20_000_000)
    with pytest.raises(StateError, match=r"one.meta/config.json: is too large"):
        packed(run)


def test_a_run_that_is_not_finalized_is_not_archived(tmp_path):
    run = staged_run(tmp_path / "from", ["sh", "-c", "exit 4"])
    run = open_run(run.run_dir, sync="none")
    assert exec_run(run, echo=False) == 4
    with pytest.raises(StateError, match="one: is not finalized") as told:
        packed(run)
    assert told.value.hint == f"gage-finalize {run}"
    finalize_run(run)
    (arrived,), _ = taken(packed(run), tmp_path / "to")
    assert read_fact(arrived.run, "proc", "exit") == "4"


def test_a_run_comes_in_only_with_how_it_ended(entries, outside):
    ends = ("one.meta/proc/exit", "one.meta/stopped")
    with pytest.raises(ConfigError, match="one: is not finalized"):
        taken(repacked([e for e in entries if e[0].name not in ends]), outside)


def test_what_is_no_file_is_not_archived(tmp_path):
    run = finished(tmp_path)
    os.mkfifo(f"{run.run_dir}/pipe")
    with pytest.raises(StateError, match="a FIFO cannot be archived"):
        packed(run)


def test_links_that_stay_inside_are_told_from_others():
    for path, target in (("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d"), ("step", "../one")):
        assert inner_link(path, target)
    for target in ("../..", "b/..", "/b", "../../one", ""):
        assert not inner_link("a", target)
    for target in ("../../..", "../b/..", "../../../one"):
        assert not inner_link("a/b", target)


OUT = "../../../outside/canary"
LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE

HOSTILE = {
    "leads up": ([entry(f"{NAME}/{OUT}", data=b"x")], "no path within an archive"),
    "is absolute": ([entry("/tmp/canary", data=b"x")], "no path within an archive"),
    "writes through a link": (
        [entry(f"{NAME}/d", LINK, "out"), entry(f"{NAME}/d/canary", data=b"x")],
        "a file or a link stands where a directory should|a link stands where",
    ),
    "writes through a link that leads out": (
        [entry(f"{NAME}/d", LINK, "../../../outside"), entry(f"{NAME}/d/canary", data=b"x")],
        "a link that leads outside",
    ),
    "links to a file of the system": ([entry(f"{NAME}/p", LINK, "/etc/passwd")], "leads outside"),
    "links out by a chain": (
        [entry(f"{NAME}/a/b", LINK, ".."), entry(f"{NAME}/c", LINK, "a/b/../..")],
        "leads outside",
    ),
    "is a hard link": ([entry(f"{NAME}/h", HARD, "/etc/passwd")], "neither a file"),
    "is a hard link within": ([entry(f"{NAME}/h", HARD, f"{NAME}/out/made")], "neither a file"),
    "is a device": ([entry(f"{NAME}/dev", tarfile.CHRTYPE)], "neither a file"),
    "is a FIFO": ([entry(f"{NAME}/pipe", tarfile.FIFOTYPE)], "neither a file"),
    "is there twice": ([entry(f"{NAME}/out/made", data=b"made\n")], "is in the archive twice"),
    "is a fact that is there twice": ([entry(f"{NAME}.meta/id", data=b"x")], "twice"),
    "is a directory under a file": ([entry(f"{NAME}/out/made/x", data=b"x")], "a file or a link"),
    "has a name with a dot alone": ([entry(f"{NAME}/./x", data=b"x")], "no path within"),
    "is a place of gage's": ([entry(".locks/x", data=b"x")], "belongs to no run"),
    "is the index": ([entry(".index", data=b"x")], "belongs to no run"),
    "is a file where a run should be": ([entry("two", data=b"x")], "a file where the directory"),
    "is a link where a run should be": ([entry("two", LINK, "one")], "a file where the directory"),
    "is a link among the facts": ([entry(f"{NAME}.meta/x", LINK, "id")], "leads outside"),
    "is a file that the manifest lacks": ([entry(f"{NAME}/extra", data=b"x")], "extra"),
    "is a run without facts": ([entry("two/x", data=b"x")], "is no run"),
    "is a link of a step to the root": ([entry(f"{NAME}/step", LINK, "/")], "leads outside"),
    "is a link of a step further up": ([entry(f"{NAME}/s", LINK, "../../x")], "leads outside"),
    "has a name beyond measure": ([entry("one/" + "x/" * 5000 + "x", data=b"x")], "too long"),
}


@pytest.fixture
def outside(tmp_path):
    """Directories around the home that must stay as they are."""
    write(f"{tmp_path}/outside/kept", "mine\n", 0o664)
    before = tree(str(tmp_path), inside=False)
    yield tmp_path / "deep" / "to"
    after = tree(str(tmp_path), inside=False)
    assert {p: m for p, m in after.items() if not p.startswith("deep")} == before
    assert run_names(str(tmp_path / "deep" / "to")) == []
    assert os.listdir(tmp_path / "deep" / "to" / ".tmp") == []
    assert not os.path.exists("/tmp/canary")


@pytest.mark.parametrize("what", HOSTILE)
def test_an_entry_is_refused_that(what, entries, outside):
    more, words = HOSTILE[what]
    with pytest.raises(ConfigError, match=words):
        taken(repacked([*entries, *more]), outside)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("one/out/made", b"other\n", "made"),
        ("one.meta/id", b"0" * 32 + b"x\n", "is no run"),
        ("one.meta/opref", b"what\n", "is no run"),
        ("one.meta/__schema__", b"2\n", "is no run"),
        ("one.meta/proc/exit", b"zero\n", "is no run"),
        ("one.meta/config.json", b"{", "config.json"),
        ("one.meta/manifest", b"g " + b"0" * 64 + b" ../../x\n", "manifest"),
        ("one.meta/manifest", b"g " + b"0" * 64 + b" out/made\n", "made"),
        ("one.meta/staged", b"soon\n", "staged"),
    ],
)
def test_a_run_that_claims_what_is_not_so_is_refused(entries, outside, name, data, words):
    with pytest.raises(ConfigError, match=words):
        taken(repacked(replaced(entries, name, data)), outside)


@pytest.mark.parametrize("name", ["one/out/made", "one.meta/id", "one.meta/manifest"])
def test_a_run_of_which_something_is_missing_is_refused(entries, outside, name):
    with pytest.raises(ConfigError):
        taken(repacked([e for e in entries if e[0].name != name]), outside)


def test_a_run_under_the_id_of_another_is_refused(entries, outside):
    for info, _ in entries:
        info.name = info.name.replace("one", "0" * 32, 1)
    with pytest.raises(ConfigError, match="its ID is missing, or another"):
        taken(repacked(entries), outside)


def test_what_is_no_archive_is_refused(entries, outside):
    good = repacked(entries)
    for data in (b"", b"garbage", b"\0" * 10240, good[: len(good) // 2], gzip.compress(good)[:-50]):
        with pytest.raises(ConfigError):
            taken(data, outside)


@pytest.mark.parametrize("end", ["", ".gz", ".zst"])
def test_a_damaged_archive_is_an_error_of_ours_and_never_taken_for_a_whole(entries, outside, end):
    stream = io.BytesIO()
    with compressing(Kept(stream), end) as packing:
        packing.write(repacked(entries))
    good = stream.getvalue()
    chance = random.Random(6)
    last = len(good if end else good.rstrip(b"\0"))
    for cut in (last - 1, *(chance.randrange(1, last) for _ in range(60))):
        with pytest.raises(ConfigError):
            taken(good[:cut], outside)
    for number in (5, 6, 9, 12, 40):
        data = bytearray(good)
        data[number : number + 8] = b"\xff" * 8
        with pytest.raises(ConfigError):
            taken(bytes(data), outside)


class Kept(io.RawIOBase):
    """A stream whose end is not that of *stream*."""

    def __init__(self, stream):
        self.write = stream.write

    def writable(self):
        return True


@pytest.mark.parametrize(
    ("name", "size"), [("config.json", 1 << 25), ("id", 1 << 17), ("log/runner", 1 << 25)]
)
def test_a_fact_beyond_measure_is_refused_before_it_is_read(entries, outside, name, size):
    others = [e for e in entries if e[0].name != f"one.meta/{name}"]
    with pytest.raises(ConfigError, match=f"{name}: is too large"):
        taken(repacked([*others, entry(f"one.meta/{name}", data=b" " * size)]), outside)
    said = entry("one.user/label-0000000000000001-00000000", data=b"x" * (1 << 21))
    with pytest.raises(ConfigError, match="00000000: is too large"):
        taken(repacked([*entries, said]), outside)


def test_facts_are_bounded_together_and_output_is_not():
    sizes = Sizes()
    troubles = [sizes.trouble(".meta", f"attempts/{n}/manifest", 1 << 26) for n in range(1, 7)]
    assert troubles[:4] == [""] * 4
    assert all("the facts of the run have more than" in trouble for trouble in troubles[4:])
    assert Sizes().trouble(".meta", "output/40_run", 1 << 40) == ""
    assert Sizes().trouble("", "manifest", 1 << 40) == ""


def test_a_bomb_is_given_up_early(entries, outside):
    bomb = repacked([*entries, entry("one/zeros", data=bytes(20_000_000))])
    with pytest.raises(ConfigError, match="grows beyond measure"):
        taken(gzip.compress(bomb), outside, free=1_000_000)
    with pytest.raises(ConfigError, match="more than 5 entries"):
        taken(bomb, outside, max_entries=5)


def test_set_id_bits_and_what_lets_others_write_are_dropped(tmp_path, entries):
    for info, _ in entries:
        info.mode = 0o7777
    (arrived,), _ = taken(repacked(entries), tmp_path / "to")
    for place in (arrived.run.run_dir, arrived.run.meta_dir):
        modes = {mode for mode, _ in tree(place).values() if mode.startswith("-")}
        assert modes <= {"-r-xr-xr-x", "-r--r--r--"}


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
@pytest.mark.parametrize("claimed", [None, 0o7777, 0o000])
def test_a_staged_run_has_the_modes_that_staging_gives(tmp_path, claimed, mask):
    before = os.umask(mask)
    try:
        write(f"{tmp_path}/project/main.sh", "#!/bin/sh\n", 0o755 & ~mask)
        write(f"{tmp_path}/project/data.txt", "1\n", 0o644 & ~mask)
        run = make_run(OpRef("", "test"), str(tmp_path / "from"), name=NAME, sync="none")
        init_run_meta(run, OpDef("test", {"exec": "true"}), {}, OpCmd(["true"], {}))
        stage_run(run, str(tmp_path / "project"))
        data = packed(run)
        if claimed is not None:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                members = [(info, info.isreg() and tar.extractfile(info).read()) for info in tar]
            for info, _ in members:
                info.mode = claimed
            data = repacked(members)
        (arrived,), _ = taken(data, tmp_path / "to")
    finally:
        os.umask(before)
    its, those = tree(run.meta_dir), tree(arrived.run.meta_dir)
    files = tree(arrived.run.run_dir)
    if claimed is None:
        assert (those, files) == (its, tree(run.run_dir))
    for path in ("log/runner", "log/files", "manifest"):
        assert those[path] == its[path]
    assert all("w" not in mode for mode, _ in files.values() if mode.startswith("-"))
    assert [f for f in check_run(open_run(arrived.run.run_dir)) if f.what == "writable"] == []
    assert all(m[5] == m[8] == "-" for m in (mode for mode, _ in files.values()) if m[0] == "-")


def test_a_huge_size_that_is_declared_fills_no_disk(entries, outside):
    data = bytearray(repacked(entries))
    data[124:136] = b"77777777777\0"  # the size of the first entry, 8 GiB
    with pytest.raises(ConfigError):
        taken(bytes(data), outside)


def test_flipped_bytes_never_make_a_run_that_lies(tmp_path, entries):
    good = repacked(entries)
    chance = random.Random(4)
    for number in range(60):
        data = bytearray(good)
        for _ in range(chance.choice((1, 3))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        home = tmp_path / f"to{number}"
        try:
            (arrived, *_), _ = taken(bytes(data), home)
        except GageError:
            assert run_names(str(home)) == []
            continue
        findings = check_run(open_run(arrived.run.run_dir))
        assert [f for f in findings if f.severity == "error"] == []
        assert run_status(arrived.run) == "completed"


def two_runs(tmp_path):
    """An archive of two runs, of which the first is a pipeline and the second its step."""
    parent, step = (make_run(OpRef("", "test"), str(tmp_path / "from"), sync="none") for _ in "ab")
    for run, of in ((parent, ""), (step, parent.id)):
        init_run_meta(run, OpDef("test", {"exec": "true"}), {}, OpCmd(["true"], {}), parent=of)
        os.mkdir(run.run_dir)
    stream = io.BytesIO()
    write_archive([parent, step], stream)
    return parent, step, stream.getvalue()


def circle(tmp_path, *links, parents=()):
    """An archive of the runs a and b, with *links* from one to the other."""
    ids = {"a": "a" * 32, "b": "b" * 32}
    runs = []
    for name, id in ids.items():
        run = make_run(OpRef("", "test"), str(tmp_path / "from"), name=name, id=id, sync="none")
        parent = ids[dict(parents)[name]] if name in dict(parents) else ""
        init_run_meta(run, OpDef("test", {"exec": "true"}), {}, OpCmd(["true"], {}), parent=parent)
        os.mkdir(run.run_dir)
        runs.append(run)
    archives = {}
    for run in runs:
        stream = io.BytesIO()
        write_archive([run], stream)
        with tarfile.open(fileobj=io.BytesIO(stream.getvalue())) as tar:
            archives[run.name] = [(i, i.isreg() and tar.extractfile(i).read()) for i in tar]
    for start, end in links:
        archives[start].append(entry(f"{start}/step", LINK, f"../{end}"))
    return runs, archives


@pytest.mark.parametrize(
    ("links", "parents"),
    [(["aa"], []), (["ab", "ba"], []), ([], ["ab", "ba"])],
)
def test_a_run_that_is_a_step_of_itself_is_refused(tmp_path, outside, links, parents):
    runs, archives = circle(tmp_path / "deep", *links, parents=parents)
    with pytest.raises(ConfigError, match=r"is a step of itself"):
        taken(repacked([*archives["a"], *archives["b"]]), outside)
    for start, end in links:
        os.symlink(f"../{end}", os.path.join(tmp_path / "deep" / "from" / start / "step"))
    if links:
        with pytest.raises(StateError, match=r"is a step of itself"):
            write_archive(runs, io.BytesIO())


def test_no_circle_is_closed_by_a_second_archive(tmp_path):
    _, archives = circle(tmp_path, "ab", "ba")
    taken(repacked(archives["a"]), tmp_path / "to")
    with pytest.raises(ConfigError, match=r"is a step of itself"):
        taken(repacked(archives["b"]), tmp_path / "to")
    assert run_names(str(tmp_path / "to")) == ["a"]


def test_a_directory_that_has_the_name_of_a_run_is_never_replaced(tmp_path, entries):
    mine = write(f"{tmp_path}/to/{NAME}/mine", "mine\n")
    with pytest.raises(StateError, match="one: is in the way"):
        taken(repacked(entries), tmp_path / "to")
    assert os.listdir(os.path.dirname(mine)) == ["mine"]
    assert run_names(str(tmp_path / "to")) == []


def test_what_an_import_that_was_stopped_left_is_replaced(tmp_path, entries):
    data = repacked(entries)
    taken(data, tmp_path / "to")
    os.rename(tmp_path / "to" / "one.meta", tmp_path / "gone")
    (arrived,), _ = taken(data, tmp_path / "to")
    assert (arrived.is_new, run_status(arrived.run)) == (True, "completed")
    assert os.listdir(tmp_path / "to" / ".tmp") == []


def test_what_fails_at_the_last_moment_is_taken_back(tmp_path, monkeypatch):
    parent, _, data = two_runs(tmp_path)
    home = str(tmp_path / "to")
    rename = os.rename

    def failing(path, to, **at):
        if to == f"{home}/{parent.name}.meta":
            raise OSError(28, "No space left on device", to)
        rename(path, to, **at)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="No space"):
        taken(data, home)
    assert sorted(os.listdir(home)) == [".locks", ".tmp"]
    assert os.listdir(f"{home}/.tmp") == []


def test_a_pipeline_comes_after_its_steps(tmp_path, monkeypatch):
    parent, step, data = two_runs(tmp_path)
    rename, order = os.rename, []

    def watching(path, to, **at):
        order.append(os.path.basename(to))
        rename(path, to, **at)

    monkeypatch.setattr(os, "rename", watching)
    taken(data, tmp_path / "to")
    assert order == [step.name, parent.name, f"{step.name}.meta", f"{parent.name}.meta"]


def test_an_archive_that_ends_between_two_runs_is_refused(tmp_path, outside):
    _, step, data = two_runs(tmp_path / "deep")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        cut = tar.getmember(step.name).offset
    with pytest.raises(ConfigError, match="cut short"):
        taken(data[:cut], outside)
    with pytest.raises(ConfigError, match="something follows"):
        taken(data + data, outside)
    with pytest.raises(ConfigError, match="damaged"):
        taken(gzip.compress(data)[:-8] + bytes(8), outside)


def pax(data):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(data)
    return info.tobuf() + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"1" * 200_000, "damaged: a header"),
        (b"x" * 300_000, "a header that is too long"),
        (b"11 size=-1\n", "its size makes no sense"),
        (b"14 mtime=soon\n", "its time makes no sense"),
        (b"12 path=a\0b\n", "no path within an archive"),
        (b"22 GNU.sparse.major=1\n", "neither a file"),
    ],
)
def test_a_header_is_not_believed(entries, outside, header, words):
    # Of a hundred thousand digits, the module tarfile would make a search of minutes.
    first = entry("one/x")[0].tobuf()
    with pytest.raises(ConfigError, match=words):
        taken(pax(header) + first + bytes(1024), outside)


def test_times_come_back_to_the_nanosecond(tmp_path):
    run = finished(tmp_path / "from")
    chance = random.Random(5)
    paths = [f"one.meta/{name}" for name in ("id", "opref", "staged", "proc/exit", "manifest")]
    for path in (*paths, "one/out/made", "one/out-link"):
        time = chance.randrange(-(10**18), 2 * 10**18)
        os.utime(tmp_path / "from" / path, ns=(time, time), follow_symlinks=False)
    taken(packed(run), tmp_path / "to")
    for path in (*paths, "one/out/made", "one/out-link"):
        times = {os.lstat(tmp_path / end / path).st_mtime_ns for end in ("from", "to")}
        assert len(times) == 1, path
