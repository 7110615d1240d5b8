"""Many at once: whatever two verbs begin on one run at the same moment, each is done or refused,
and the run is in a true state from which it goes on to be completed.
"""

import itertools
import json
import os
import pkgutil
import re
import shutil
import sys
import traceback
from importlib import import_module
from typing import NamedTuple

import pytest

import gage as package
from gage.attempts import attempts
from gage.errors import NotFoundError
from gage.listing import read_rows
from gage.run import open_run
from gage.status import status_at
from tests.place import environment, lived_in
from tests.programs import QUICK, read, wait_until, write

RUN = "runs/one"

# Who is forked need not import what takes longer than what it does.
ROOMS = [import_module(room.name) for room in pkgutil.walk_packages(package.__path__, "gage.")]


class Told(NamedTuple):
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str


class Begun(NamedTuple):
    """A program under way, and the descriptors of what it prints."""

    words: tuple[str, ...]
    child: int
    out: int
    err: int


def begin(words, gate=()):
    """Begin a program of gage in a process of its own, forked, which waits for *gate*."""
    out, err = os.memfd_create("out"), os.memfd_create("err")
    child = os.fork()
    if child == 0:
        _become(words, gate, out, err)
    return Begun(words, child, out, err)


def _become(words, gate, out, err):
    code = 70
    try:
        for fd, to in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
            os.dup2(fd, to)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        if gate:
            os.close(gate[1])
            os.read(gate[0], 1)
        room = "porcelain.main" if words[0] == "gage" else words[0].replace("gage-", "plumbing.")
        code = import_module(f"gage.{room.replace('-', '_')}").main(list(words[1:]))
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as exit:
        code = exit.code
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def end(begun):
    """Wait for a program; no trouble may be one of gage's own."""
    _, status = os.waitpid(begun.child, 0)
    texts = []
    for fd in (begun.out, begun.err):
        texts.append(os.fsdecode(os.pread(fd, os.fstat(fd).st_size, 0)))
        os.close(fd)
    told = Told(os.waitstatus_to_exitcode(status), *texts)
    assert "Traceback" not in told.err, (begun.words, told.err)
    return told


def at_once(*commands):
    """What became of all *commands*, which begin at the same moment."""
    gate = os.pipe()
    begun = [begin(words, gate) for words in commands]
    os.close(gate[0])
    os.close(gate[1])
    return [end(one) for one in begun]


def gage(*words):
    """What became of one program alone."""
    return end(begin(words))


@pytest.fixture(autouse=True)
def place(tmp_path):
    with lived_in(str(tmp_path), environment(str(tmp_path)) | QUICK, umask=0o022):
        yield str(tmp_path)


# Two verbs on one run, every verb with every other, and with itself.

VERBS = {
    "init": ("gage-init", RUN, "-C", "project", "op"),
    "stage": ("gage-stage", RUN),
    "exec": ("gage-exec", "-q", RUN),
    "finalize": ("gage-finalize", RUN),
    "reopen": ("gage-reopen", RUN),
    "restart": ("gage", "--runs", "runs", "restart", "-yq", "one"),
    "rm": ("gage", "--runs", "runs", "runs", "rm", "-y", "one"),
    "restore": ("gage", "--runs", "runs", "runs", "restore", "one"),
    "purge": ("gage", "--runs", "runs", "runs", "purge", "-y", "one"),
    "label": ("gage", "--runs", "runs", "runs", "label", "best", "one"),
    "stop": ("gage", "--runs", "runs", "runs", "stop", "-y", "one"),
}
RUNNERS = {"exec", "restart"}

# Where a verb has something to do.
STATES = {
    "none": {"init"},
    "pending": {"stage", "rm", "label"},
    "staged": {"exec", "restart", "rm", "label"},
    "exited": {"finalize", "restart", "rm", "label"},
    "completed": {"reopen", "restart", "rm", "label", "finalize"},
    "deleted": {"restore", "purge", "init"},
}
LIFE = {"none": "init", "pending": "stage", "staged": "exec", "exited": "finalize"}
LIFE |= {"completed": "rm", "terminated": "finalize"}

PAIRS = list(itertools.combinations_with_replacement(VERBS, 2))


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """A place for each state of a run, with that run."""
    made = tmp_path_factory.mktemp("states")
    with lived_in(str(made), environment(str(made)) | QUICK, umask=0o022):
        write("project/gage.yaml", "op: {exec: sh make.sh, sourcecode: [make.sh]}\n")
        write("project/make.sh", "echo out; echo made > made\n")
        for state in STATES:
            shutil.copytree(made, f"{made}.{state}", symlinks=True)
            if state in LIFE:
                assert gage(*VERBS[LIFE[state]]).code == 0
    return str(made)


def state():
    """What is to be seen of the run."""
    if os.path.lexists(f"{RUN}.meta"):
        return status_at(RUN)
    deleted = gage("gage", "--runs", "runs", "runs", "--deleted", "--json").out
    return "deleted" if deleted else "none"


def complete():
    """Take up the run wherever it is, as its state says, until it is completed."""
    for _ in range(8):
        at = state()
        if at == "completed":
            break
        verb = "restore" if at == "deleted" else LIFE[at]
        if at == "terminated" and os.path.exists(f"{RUN}.meta/proc/exit"):
            verb = "restart"  # it was stopped
        words = VERBS[verb]
        if verb == "restore":
            words = (*words[:-1], "1")  # another of that name may have been deleted, too
        told = gage(*words)
        assert told.code == 0, (at, told)
    assert status_at(RUN) == "completed"
    assert read(f"{RUN}/made") == "made\n"
    assert read(f"{RUN}.meta/output/40_run") == "out\n"
    assert gage("gage-manifest", "--check", RUN) == (0, "", "")
    assert os.listdir("runs/.tmp") == []


def allowed(verb):
    """How a verb may end: done, not there, held by another, in no state for it, or stopped."""
    return {0, 11, 125, 143} if verb in RUNNERS else {0, 10, 11, 20}


@pytest.mark.parametrize("begun_in", STATES)
@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.long)])
def test_of_two_verbs_at_once_each_is_done_or_refused(tmp_path, states, begun_in, times):
    # Where there is time for it, also those of which one has nothing to do.
    fits = set.issuperset if times == 1 else set.intersection
    pairs = [pair for pair in PAIRS if fits(STATES[begun_in], pair)]
    for number, pair in enumerate(pairs * times):
        place = f"{tmp_path}/{number}"
        shutil.copytree(f"{states}.{begun_in}", place, symlinks=True)
        os.chdir(place)
        pair = pair[:: number % 2 * 2 - 1]  # who is forked first is ahead
        for verb, told in zip(pair, at_once(*(VERBS[verb] for verb in pair)), strict=True):
            assert told.code in allowed(verb), (pair, verb, told)
        try:
            complete()
        except AssertionError as error:
            raise AssertionError(f"{pair} in {begun_in}") from error
        os.chdir(tmp_path)
        shutil.rmtree(place)


# A pipeline and its steps, with the same crowd around them.

STEPS = """\
a: {exec: echo a, sourcecode: []}
b: {exec: echo b, sourcecode: []}
all: {steps: [a, b]}
"""
PIPELINE_VERBS = {
    "exec": ("gage-exec", "-q", "runs/all"),
    "run-steps": ("gage-run-steps", "runs/all"),
    "restart": ("gage", "--runs", "runs", "restart", "-yq", "all"),
    "restart a step": ("gage", "--runs", "runs", "restart", "-yq", "runs/all/a"),
    "link-steps": ("gage-link-steps", "runs/all", "more=runs/more"),
    "check": ("gage-link-steps", "--check", "runs/all"),
    "rm": ("gage", "--runs", "runs", "runs", "rm", "-y", "all"),
}


PIPELINE_PAIRS = list(itertools.combinations_with_replacement(PIPELINE_VERBS, 2))
FEW_PAIRS = [
    *(("exec", "exec"), ("run-steps", "run-steps"), ("restart", "restart"), ("rm", "run-steps")),
    *(("exec", "restart a step"), ("run-steps", "restart a step")),
    *(("link-steps", "link-steps"), ("link-steps", "restart")),
]


@pytest.mark.parametrize(
    "pairs", [FEW_PAIRS, pytest.param(PIPELINE_PAIRS * 10, marks=pytest.mark.long)]
)
def test_of_two_at_a_pipeline_each_is_done_or_refused_and_it_is_completed(place, pairs):
    write("project/gage.yaml", STEPS)
    assert gage("gage-init", "runs/more", "-C", "project", "a").code == 0
    assert gage("gage-init", "runs/all", "-C", "project", "all").code == 0
    assert gage("gage-stage", "runs/all").code == 0
    os.rename("runs", "staged")
    for pair in pairs:
        shutil.copytree("staged", "runs", symlinks=True)
        for told in at_once(*(PIPELINE_VERBS[verb] for verb in pair)):
            # What reached a step that another held has its exit code from there.
            assert told.code in (0, 1, 10, 11, 20, 125), (pair, told)
        if not os.path.lexists("runs/all.meta"):
            assert gage("gage", "--runs", "runs", "runs", "restore", "1").code == 0
        for _ in range(2):
            status = status_at("runs/all")
            assert status in ("staged", "completed", "error", "exited", "terminated"), pair
            told = gage("gage", "--runs", "runs", "restart", "-yq", "all")
            assert told.code == 0, (pair, status, told)
        rows = {row.name: row for row in read_rows("runs")}
        assert rows["all"].status == "completed", pair
        links = [os.path.basename(os.readlink(f"runs/all/{name}")) for name in ("a", "b")]
        assert [rows[name].status for name in links] == ["completed", "completed"], pair
        assert len(rows) == 4, pair
        assert os.listdir("runs/.tmp") == [], pair
        shutil.rmtree("runs")


# Many who want the same.


def test_of_eight_who_restart_a_run_none_overlaps_with_another(place):
    write("project/gage.yaml", "op: {exec: sh make.sh, sourcecode: [make.sh]}\n")
    write("project/make.sh", f"echo begin >> {place}/trace; echo end >> {place}/trace\n")
    for verb in ("init", "stage", "exec", "finalize"):
        assert gage(*VERBS[verb]).code == 0
    for _ in range(3):
        codes = [told.code for told in at_once(*[VERBS["restart"]] * 8)]
        assert set(codes) <= {0, 11} and 0 in codes
        assert status_at(RUN) == "completed"
        trace = read(f"{place}/trace").split()
        assert trace == ["begin", "end"] * (len(trace) // 2)
        # Each who was told that it is done has an attempt of its own.
        assert len(trace) // 2 == len(attempts(open_run(RUN)))
    assert len(attempts(open_run(RUN))) > 3


# Readers.


def watching(look):
    """Look again and again in a process of its own, until there is a file ``stop``."""
    seen = os.memfd_create("seen")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            last, stopped = None, False
            while not stopped:
                stopped = os.path.exists("stop")
                if (now := look()) != last:
                    os.write(seen, f"{now} ".encode())
                    last = now
            code = 0
        finally:
            os._exit(code)
    return child, seen


def status_seen():
    try:
        return status_at(RUN)
    except NotFoundError:
        return "none"


def row_seen():
    rows = read_rows("runs")
    return rows[0].status if rows else "none"


def shown():
    told = gage("gage", "--runs", "runs", "show", "--json", RUN)
    return json.loads(told.out)["status"] if told.code == 0 else "none"


LIFE_SEEN = "(pending )?(staged )?(running )?(exited )?(completed )"


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.long)])
def test_readers_see_a_run_go_forward_and_never_back(times):
    write("project/gage.yaml", "op: {exec: echo out, sourcecode: []}\n")
    for _ in range(times):
        readers = [watching(look) for look in (status_seen, row_seen, shown)]
        for verb in ("init", "stage", "exec", "finalize", "restart"):
            assert gage(*VERBS[verb]).code == 0
        write("stop", "")
        for child, seen in readers:
            assert os.waitpid(child, 0)[1] == 0
            text = os.pread(seen, 1000, 0).decode()
            os.close(seen)
            assert re.fullmatch(f"(none )?{LIFE_SEEN}?({LIFE_SEEN})?", text), text
        os.unlink("stop")
        shutil.rmtree("runs")


def test_who_follows_the_output_of_a_run_gets_all_of_it_and_is_let_go(place):
    os.mkfifo("gate")
    write("project/gage.yaml", "op: {exec: sh make.sh, sourcecode: [make.sh]}\n")
    write("project/make.sh", f"echo begun; read x < {place}/gate; echo $x\n")
    assert gage(*VERBS["init"]).code == gage(*VERBS["stage"]).code == 0
    runner = begin(VERBS["exec"])
    wait_until(lambda: status_at(RUN) == "running")
    followers = [begin(("gage", "--runs", "runs", "log", "-f", "one")) for _ in range(3)]
    waiting = [begin(("gage-status", "--wait", RUN)) for _ in range(3)]
    write("gate", "end\n", 0o600)
    assert end(runner).code == 0
    assert {end(one)[:2] for one in followers} == {(0, "begun\nend\n")}
    assert {end(one)[:2] for one in waiting} <= {(0, "exited\n")}


# Many runs.


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.long)])
def test_of_many_runs_by_sixteen_at_once_none_is_lost(count):
    write("project/gage.yaml", "op: {exec: 'true', flags: {n: 0}, sourcecode: []}\n")
    os.chdir("project")
    workers = []
    for worker in range(16):
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                for n in range(worker, count, 16):
                    told = gage("gage", "--runs", "../runs", "run", "-yq", "op", f"n={n}")
                    assert told == (0, "", ""), told
                failed = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(failed)
        workers.append(child)
    assert [os.waitpid(child, 0)[1] for child in workers] == [0] * 16
    os.chdir("..")
    rows = read_rows("runs")
    assert len(rows) == len({row.id for row in rows}) == count
    assert all(row.status == "completed" and row.name == row.id for row in rows)
    assert sorted(row.config["n"] for row in rows) == list(range(count))
    assert [row.start for row in rows] == sorted((row.start for row in rows), reverse=True)
    # And so says the index, which it now may have.
    assert [row[:-2] for row in read_rows("runs")] == [row[:-2] for row in rows]
    listed = gage("gage-ls-runs", "--runs", "runs", "--filter", "status = completed").out
    assert listed.split() == [row.run_dir for row in rows]
    assert os.listdir("runs/.tmp") == []
