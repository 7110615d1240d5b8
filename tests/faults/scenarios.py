"""The verbs under test: from which state each begins, and how its user goes on after a fault."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gage.run import run_names
from tests.faults.bench import Bench
from tests.programs import write

ONE = "runs/one"
PIPELINE = "runs/all"
PARENT = "runs/parent"

TRAIN = """\
echo "begin $RUN_ID" >> "$EVIDENCE"
cat params.yaml
echo to-stderr >&2
mkdir -p out
cp data.csv out/copy.csv
ln -sf copy.csv out/link
ln -sf ../../../outside/linked out/away
ln -f ../../outside/shared out/shared 2>/dev/null || true
[ ! -e ../../slow ] || { echo began > ../../slow; exec env -i sleep 60; }
echo '{"loss": 0.25}' > summary.json
[ "$FLAG_FAIL" != yes ] || exit 3
echo "end $RUN_ID" >> "$EVIDENCE"
echo done
"""

GAGE_FILE = """\
train: &train
  exec: sh train.sh
  config: params.yaml
  flags: {fail: no}
  sourcecode: ["*.sh", "*.yaml"]
  depends:
    - files: data.csv
prepare: *train
fit: *train
report: *train
all:
  flags: {lr: 0.1, fail: no}
  steps:
    - prepare lr=${lr}
    - fit fail=${fail}
    - report
"""


class Scenario(NamedTuple):
    """A verb in its place.

    *prepare* makes the state that it begins from; *allowed* are the statuses that its run may
    have after a fault, ``absent`` where it may be missing. *next_command* tells how to go on,
    and None where nothing is left to do.
    """

    name: str
    argv: list[str]
    prepare: Callable[[Bench], None]
    target: str
    allowed: set[str]
    next_command: Callable[[Bench, "Statuses"], list[str] | None]


class StuckError(Exception):
    """A user does not know how to go on."""


Statuses = dict[str, str]


def statuses(bench: Bench) -> Statuses:
    """The status of each run of the home, by its run dir, as gage-status tells it."""
    found = sorted(os.path.join("runs", name) for name in run_names(bench.path("runs")))
    if not found:
        return {}
    answer = bench.run(["gage-status", *found], count=False, alone=True)
    assert answer.code == 0, answer
    return dict(zip(found, answer.out.split(), strict=True))


def _project(bench: Bench) -> None:
    bench.empty()
    os.mkdir(bench.path("project"))
    for name in ("linked", "shared"):
        write(bench.path("outside", name), "nobody's business\n", 0o664)
    write(bench.path("project", "train.sh"), TRAIN, 0o755)
    write(bench.path("project", "params.yaml"), "lr: 0.1  # rate\nepochs: 3\n")
    write(bench.path("project", "data.csv"), "a,b\n1,2\n")
    write(bench.path("project", "gage.yaml"), GAGE_FILE)


def _after(*commands: Sequence[str]) -> Callable[[Bench], None]:
    def prepare(bench: Bench) -> None:
        _project(bench)
        for argv in commands:
            answer = bench.run(argv, count=False)
            assert answer.code in (0, 3), (argv, answer)

    return prepare


def _init(run: str, *words: str) -> list[str]:
    return ["gage-init", run, "-C", "project", *words]


INIT = _init(ONE, "train", "lr=0.5")
STAGE = ["gage-stage", ONE]
EXEC = ["gage-exec", ONE]
FINALIZE = ["gage-finalize", ONE]
REOPEN = ["gage-reopen", ONE, "lr=0.7", "fail=no"]
REOPEN_ANEW = ["gage-reopen", ONE, "--force-sourcecode"]
AGAIN = ["gage-reopen", ONE]
RUN_STEPS = ["gage-run-steps", "--needed", PIPELINE]
GAGE_RUN = [*"gage -C project --runs ../runs run all -y --run-dir ../runs/all".split()]
LINK = ["gage-link-steps", PARENT, "first=runs/one", "second=runs/two"]
RUN_ONE = [*"gage -C project --runs ../runs run train lr=0.5 -y --run-dir ../runs/one".split()]
RESTART = [*"gage --runs runs restart all fail=no -y --needed".split()]
TAKE_UP = [*"gage --runs runs restart".split()]


def is_untouched(bench: Bench) -> bool:
    """Whether what lies outside, and is linked to from runs, is as it was."""
    paths = [bench.path("outside", name) for name in ("linked", "shared")]
    return all(os.stat(path).st_mode & 0o7777 == 0o664 for path in paths)


def make_slow(bench: Bench) -> None:
    """Let commands leave something behind that lives for a minute."""
    write(bench.path("slow"), "")


def next_of_one(bench: Bench, status: Statuses) -> list[str] | None:
    """How a user of plumbing takes the run ``runs/one`` to its end."""
    kept = os.path.exists(bench.path(f"{ONE}.meta", "attempts"))
    ended = os.path.exists(bench.path(f"{ONE}.meta", "proc", "exit"))
    match status.get(ONE, "absent"):
        case "absent":
            return INIT
        case "pending":
            return AGAIN if kept else STAGE
        case "staged":
            return EXEC
        case "exited":
            return FINALIZE
        case "terminated" | "error":
            return AGAIN if ended else FINALIZE
        case "completed":
            return None
    raise StuckError(f"{ONE} is {status[ONE]}")


def next_of_init(bench: Bench, status: Statuses) -> list[str] | None:
    """Beginning is done when the run is pending."""
    return None if status.get(ONE) == "pending" else INIT


def next_of_stage(bench: Bench, status: Statuses) -> list[str] | None:
    """Staging is done when the run is staged."""
    return None if status.get(ONE) == "staged" else next_of_one(bench, status)


def next_of_reopen(bench: Bench, status: Statuses) -> list[str] | None:
    """Reopening is done when the run is staged with the new values."""
    return None if status.get(ONE) == "staged" else REOPEN


def next_of_anew(bench: Bench, status: Statuses) -> list[str] | None:
    """As of reopening, by who does not know that it was to stage the project as it is now."""
    return None if status.get(ONE) == "staged" else AGAIN


def next_of_links(bench: Bench, status: Statuses) -> list[str] | None:
    """Linking is done when both links are right."""
    listed = bench.run(["gage-link-steps", PARENT], count=False, alone=True).out
    right = [f"{name}\tok\truns/{run}\n" for name, run in (("first", "one"), ("second", "two"))]
    return None if all(line in listed for line in right) else LINK


def next_of_steps(bench: Bench, status: Statuses) -> list[str] | None:
    """Running steps is done when all are completed; the pipeline itself stays as it is."""
    steps = [word for run, word in status.items() if run != PIPELINE]
    return None if steps == ["completed"] * 3 else RUN_STEPS


def next_of_pipeline(bench: Bench, status: Statuses) -> list[str] | None:
    """How anyone takes a pipeline to its end: by gage restart, or where nothing is there yet,
    by what was said first.
    """
    match status.get(PIPELINE, "absent"):
        case "absent":
            return GAGE_RUN
        case "completed":
            return None
    return [*TAKE_UP, "all", "-y", "--needed"]


def next_of_restart(bench: Bench, status: Statuses) -> list[str] | None:
    """The same command once more, until it was followed."""
    return None if status[PIPELINE] == "completed" else RESTART


def next_of_run(bench: Bench, status: Statuses) -> list[str] | None:
    """As of a pipeline."""
    match status.get(ONE, "absent"):
        case "absent":
            return RUN_ONE
        case "completed":
            return None
    return [*TAKE_UP, "train", "-y"]


_STAGED_PIPELINE = (_init(PIPELINE, "all"), ["gage-stage", PIPELINE])
_FAILED_PIPELINE = (
    *(_init(PIPELINE, "all", "fail=yes"), ["gage-stage", PIPELINE]),
    *(["gage-exec", PIPELINE], ["gage-finalize", PIPELINE]),
)
_LINKABLE = (
    *(_init("runs/one", "train"), _init("runs/two", "train")),
    ["gage-init", PARENT, "--opref", "all", "--no-sourcecode", "--", "true"],
    ["gage-stage", PARENT],
    ["gage-link-steps", PARENT, "first=runs/two"],
)
_ANY = {"pending", "staged", "terminated", "exited"}

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("init", INIT, _project, ONE, {"absent", "pending"}, next_of_init),
        Scenario("stage", STAGE, _after(INIT), ONE, {"pending", "staged"}, next_of_stage),
        Scenario(
            *("exec", EXEC, _after(INIT, STAGE), ONE),
            {"staged", "terminated", "exited"},
            next_of_one,
        ),
        Scenario(
            *("finalize", FINALIZE, _after(INIT, STAGE, EXEC), ONE),
            {"exited", "completed"},
            next_of_one,
        ),
        Scenario(
            *("reopen", REOPEN, _after([*INIT, "fail=yes"], STAGE, EXEC, FINALIZE), ONE),
            {"error", "pending", "staged"},
            next_of_reopen,
        ),
        Scenario(
            *("reopen-anew", REOPEN_ANEW, _after(INIT, STAGE, EXEC, FINALIZE), ONE),
            {"completed", "pending", "staged"},
            next_of_anew,
        ),
        Scenario("link-steps", LINK, _after(*_LINKABLE), PARENT, {"staged"}, next_of_links),
        Scenario(
            "run-steps", RUN_STEPS, _after(*_STAGED_PIPELINE), PIPELINE, {"staged"}, next_of_steps
        ),
        Scenario(*("run-one", RUN_ONE, _project, ONE), {"absent", "completed", *_ANY}, next_of_run),
        Scenario(
            *("run", GAGE_RUN, _project, PIPELINE),
            {"absent", "completed", "error", *_ANY},
            next_of_pipeline,
        ),
        Scenario(
            *("restart", RESTART, _after(*_FAILED_PIPELINE), PIPELINE),
            {"error", "completed", *_ANY},
            next_of_restart,
        ),
    )
}
