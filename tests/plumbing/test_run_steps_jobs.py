"""Steps side by side: with -j, under make, and with a make inside."""

import os
import signal
import subprocess

import pytest

from gage.identity import read_identity
from gage.run import open_run, read_fact
from gage.status import run_status
from tests.programs import QUICK, program, wait_until, write

# A step says where it is, and may have to wait for another, or for the test.
STEP = """\
#!/bin/sh
trap 'echo last words; while [ -e "$HERE/talk on" ]; do sleep 0.05; done; echo bye; exit 3' TERM
echo "$FLAG_NAME begins"
: > "$HERE/$FLAG_NAME"
for other in $FLAG_AWAITS; do
    while ! [ -e "$HERE/$other" ]; do sleep 0.02; done
done
echo "$FLAG_NAME ends" >&2
exit $FLAG_CODE
"""

STEPS = """\
step:
  exec: [./step.sh]
  sourcecode: [step.sh]
  flags: {name: "", awaits: "", code: 0}
"""


class Place:
    """A project whose pipeline ``all`` has the steps that are given, and its runs."""

    def __init__(self, here):
        self.here = str(here)
        self.env = {"HERE": self.here, **QUICK}
        self.processes = []

    def define(self, **steps):
        """Each step is a text of needs and flags: ``b="a: awaits=go"`` needs a."""
        text = STEPS + "all:\n  steps:\n"
        for name, said in steps.items():
            needs, _, flags = said.partition(":")
            words = f"step name={name} {flags.strip()}".strip()
            text += f"    - {{run: {words!r}, name: {name}, needs: [{needs}]}}\n"
        write(os.path.join(self.here, "gage.yaml"), text)
        write(os.path.join(self.here, "step.sh"), STEP, 0o755)
        return self

    def gage(self, *words, env=None):
        return program("gage", *words, cwd=self.here, env={**self.env, **(env or {})})

    def begin(self, *words, env=None, pass_fds=()):
        process = subprocess.Popen(
            ["gage", *words],
            cwd=self.here,
            env={**os.environ, **self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=pass_fds,
        )
        self.processes.append(process)
        return process

    def let(self, name):
        """Let those go on who await *name*."""
        write(os.path.join(self.here, name), "")

    def began(self, *names):
        wait_until(lambda: all(os.path.exists(os.path.join(self.here, name)) for name in names))

    def parent(self):
        home = os.path.join(self.here, ".gage", "runs")
        runs = [
            open_run(os.path.join(home, n[:-5])) for n in os.listdir(home) if n.endswith(".meta")
        ]
        (parent,) = [run for run in runs if run.opref.name == "all"]
        return parent

    def step(self, name):
        link = os.path.join(self.parent().run_dir, name)
        return open_run(os.path.realpath(link))

    def statuses(self, *names):
        return [run_status(self.step(name)) for name in names]


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    for process in place.processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def ended(process):
    """The exit code of *process*, as a shell has it."""
    code = process.wait(timeout=20)
    return 128 - code if code < 0 else code


def output(run):
    """The bytes that the command of *run* wrote."""
    with open(os.path.join(run.meta_dir, "output", "40_run"), "rb") as file:
        return file.read()


def test_steps_that_do_not_need_one_another_run_side_by_side(place):
    place.define(a=": awaits=b", b=": awaits=a")
    told = place.gage("run", "all", "-y", "-j2")
    assert told.code == 0
    assert place.statuses("a", "b") == ["completed", "completed"]


def test_side_by_side_each_line_has_the_name_of_its_step_and_the_run_has_the_bytes(place):
    place.define(a=": awaits=b", b="")
    told = place.gage("run", "all", "-y", "-j2")
    assert sorted(told.out.splitlines()) == ["a | a begins", "b | b begins"]
    lines = told.err.splitlines()
    talk = [line for line in lines if not line.startswith("INFO: [gage] ")]
    assert sorted(talk) == ["a | a ends", "b | b ends"]
    assert output(place.step("a")) == b"a begins\na ends\n"


def test_one_after_the_other_their_output_is_passed_on_as_it_is(place):
    place.define(a="", b="")
    told = place.gage("run", "all", "-y")
    assert told.out == "a begins\nb begins\n"


def test_a_step_waits_for_those_that_it_needs(place):
    place.define(a="", b="", c="a, b:")
    assert place.gage("run", "all", "-y", "-j4").code == 0
    began = int(read_fact(place.step("c"), "started"))
    assert all(int(read_fact(place.step(name), "stopped")) < began for name in "ab")


def test_a_failure_lets_finish_what_runs_and_starts_no_more(place):
    place.define(a=": awaits=b code=7", b=": awaits=go code=8", c="a:", d="b:", e="")
    process = place.begin("run", "all", "-y", "-j2")
    place.began("a", "b")
    wait_until(lambda: place.statuses("a") == ["error"])
    place.let("go")
    assert ended(process) == 7
    assert place.statuses("a", "b", "c", "d", "e") == ["error", "error", *["staged"] * 3]
    assert run_status(place.parent()) == "error"


def test_an_error_of_ours_waits_for_what_runs(place):
    place.define(a=": awaits=go", b=": awaits=broken", c="b:")
    assert place.gage("run", "all", "-y", "--stage").code == 0
    os.unlink(os.path.join(place.parent().run_dir, "c"))
    process = place.begin("run", "--start", place.parent().id, "-j2")
    place.began("a", "b")
    write(os.path.join(place.here, "gage.yaml"), "no: [gage file")
    place.let("broken")
    wait_until(lambda: place.statuses("b") == ["completed"])
    place.let("go")
    assert ended(process) == 125
    assert place.statuses("a", "b") == ["completed", "completed"]
    assert b"\ngage-run-steps: step c: " in output(place.parent())


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_steps_and_they_can_be_restarted(place, signum):
    place.define(a=": awaits=go", b=": awaits=go", c="a:")
    process = place.begin("run", "all", "-y", "-j2")
    place.began("a", "b")
    process.send_signal(signum)
    assert ended(process) == 128 + signum
    stopped = "error" if signum == signal.SIGTERM else "terminated"  # the step has a trap
    assert place.statuses("a", "b", "c") == [stopped, stopped, "staged"]
    assert run_status(place.parent()) == "terminated"
    place.let("go")
    assert place.gage("restart", place.parent().id, "-y", "-j2").code == 0
    assert place.statuses("a", "b", "c") == ["completed"] * 3


@pytest.mark.parametrize("jobs", ["-j0", "-j4097"])
def test_so_many_jobs_are_one_at_least_and_as_many_as_a_pipe_holds(place, jobs):
    place.define(a="")
    assert place.gage("run", "all", "-y", "--stage").code == 0
    told = program("gage-run-steps", jobs, place.parent().run_dir, cwd=place.here)
    assert (told.code, told.err) == (125, f"gage-run-steps: -j {jobs[2:]}: expected 1 to 4096\n")


# Under make


@pytest.fixture(params=["pipe", "fifo"])
def jobserver(request, tmp_path):
    """A jobserver with two slots to give: MAKEFLAGS, what to inherit, and what it holds now."""
    if request.param == "pipe":
        read, give = os.pipe()
        auth, inherited = f"{read},{give}", (read, give)
    else:
        os.mkfifo(tmp_path / "fifo")
        read = give = os.open(tmp_path / "fifo", os.O_RDWR)
        auth, inherited = f"fifo:{tmp_path}/fifo", ()
    os.write(give, b"xy")

    def held():
        os.set_blocking(read, False)
        try:
            return os.read(read, 100)
        except BlockingIOError:
            return b""

    yield {"MAKEFLAGS": f" -j3 --jobserver-auth={auth}"}, inherited, held
    for fd in {read, give}:
        os.close(fd)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ({"a": ": awaits=b", "b": ": awaits=c", "c": ": awaits=a"}, 0),
        ({"a": ": awaits=b", "b": ": awaits=a code=7", "c": "a, b:"}, 7),
    ],
    ids=["completed", "failed"],
)
def test_slots_are_taken_from_make_and_given_back(place, jobserver, steps, code):
    environ, inherited, held = jobserver
    place.define(**steps)
    process = place.begin("run", "all", "-y", env=environ, pass_fds=inherited)
    assert ended(process) == code
    assert sorted(held()) == sorted(b"xy")


def test_slots_are_given_back_when_a_signal_ends_the_steps(place, jobserver):
    environ, inherited, held = jobserver
    place.define(a=": awaits=go", b=": awaits=go", c=": awaits=go")
    process = place.begin("run", "all", "-y", env=environ, pass_fds=inherited)
    place.began("a", "b", "c")
    process.terminate()
    assert ended(process) == 128 + signal.SIGTERM
    assert sorted(held()) == sorted(b"xy")


def at_once(runs):
    """How many of *runs* were under way at once, at most."""
    events = [(int(read_fact(run, "started")), 1) for run in runs]
    events += [(int(read_fact(run, "stopped")), -1) for run in runs]
    most = now = 0
    for _, change in sorted(events):
        now += change
        most = max(most, now)
    return most


def test_pipelines_under_make_never_run_more_steps_than_it_has_slots(place):
    place.define(**{f"s{number}": "" for number in range(6)})
    gage_file = os.path.join(place.here, "gage.yaml")
    with open(gage_file, encoding="utf-8") as file:
        text = file.read()
    write(
        gage_file,
        text + "busy:\n  exec: sleep 0.1\n  sourcecode: false\n"
        "many:\n  steps:\n" + "    - {run: busy, needs: []}\n" * 6,
    )
    write(
        os.path.join(place.here, "Makefile"),
        "all: 1 2 3\n1 2 3:\n\t+gage run many -y -q --run-dir .gage/runs/many$@\n",
    )
    done = subprocess.run(
        ["make", "-s", "-j4"], cwd=place.here, env={**os.environ, **place.env}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    home = os.path.join(place.here, ".gage", "runs")
    steps = [open_run(os.path.join(home, n[:-5])) for n in os.listdir(home) if n.endswith(".meta")]
    steps = [run for run in steps if run.opref.name == "busy"]
    assert len(steps) == 18
    assert at_once(steps) == 4


def test_a_recipe_without_a_plus_runs_its_steps_one_after_the_other(place):
    place.define(a="", b="", c="")
    write(os.path.join(place.here, "Makefile"), "all:\n\tgage run all -y\n")
    done = subprocess.run(
        ["make", "-s", "-j4"], cwd=place.here, env={**os.environ, **place.env}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert at_once([place.step(name) for name in "abc"]) == 1


@pytest.mark.parametrize("how", ["gage", "make"])
def test_a_make_in_a_step_takes_its_slots_from_the_same_place(place, how):
    write(
        os.path.join(place.here, "gage.yaml"),
        "inner:\n  exec: make\n  sourcecode: [Makefile]\nall:\n  steps: [inner]\n",
    )
    write(
        os.path.join(place.here, "Makefile"),
        "all: one two\n"
        "one:\n\ttouch 1; while ! [ -e 2 ]; do sleep 0.02; done\n"
        "two:\n\ttouch 2; while ! [ -e 1 ]; do sleep 0.02; done\n",
    )
    if how == "gage":
        told = place.gage("run", "all", "-y", "-j2")
        code, err = told.code, told.err
    else:
        write(os.path.join(place.here, "outer.mk"), "all:\n\t+gage run all -y\n")
        done = subprocess.run(
            ["make", "-s", "-j2", "-f", "outer.mk"],
            cwd=place.here,
            env={**os.environ, **place.env},
            capture_output=True,
            text=True,
            timeout=30,
        )
        code, err = done.returncode, done.stderr
    assert code == 0, err
    assert "warning" not in err
    assert place.statuses("inner") == ["completed"]


# Killed


def runner_of(run):
    """The process ID of what executes *run*."""
    return read_identity(run).pid


def is_free(run):
    return run_status(run) != "running"


def test_a_step_ends_with_its_output_when_the_pipeline_is_killed(place):
    place.define(a=": awaits=go", b="a:")
    process = place.begin("run", "all", "-y", "-j2")
    place.began("a")
    place.let("talk on")
    step = place.step("a")
    process.kill()
    ended(process)
    wait_until(lambda: b"last words" in output(step))
    told = place.gage("restart", place.parent().id, "-y")
    assert (told.code, "still running" in told.err) == (11, True)
    os.remove(os.path.join(place.here, "talk on"))
    wait_until(lambda: is_free(step))
    assert {b"a begins", b"last words", b"bye"} <= {*output(step).split(b"\n")}
    place.let("go")
    assert place.gage("restart", place.parent().id, "-y").code == 0
    assert place.statuses("a", "b") == ["completed", "completed"]


def test_a_step_ends_with_its_output_when_what_runs_the_steps_is_killed(place):
    place.define(a=": awaits=go", b="a:")
    process = place.begin("run", "all", "-y")
    place.began("a")
    step = place.step("a")
    os.kill(int(read_fact(place.parent(), "proc", "lock")), signal.SIGKILL)
    assert ended(process) == 128 + signal.SIGKILL
    assert is_free(step)
    assert {b"a begins", b"last words", b"bye"} <= {*output(step).split(b"\n")}
    assert run_status(place.parent()) == "terminated"
    place.let("go")
    assert place.gage("restart", place.parent().id, "-y").code == 0
    assert place.statuses("a", "b") == ["completed", "completed"]


def test_a_step_whose_runner_is_killed_leaves_nothing_behind(place):
    place.define(a=": awaits=go", b="a:")
    process = place.begin("run", "all", "-y")
    place.began("a")
    step = place.step("a")
    os.kill(runner_of(step), signal.SIGKILL)
    assert ended(process) == 128 + signal.SIGKILL
    assert place.statuses("a", "b") == ["terminated", "staged"]
    place.let("go")
    assert place.gage("restart", place.parent().id, "-y").code == 0
