"""Small commands: what they cost beside a Python that does nothing."""

import os
from collections.abc import Iterator
from functools import partial

from bench.measure import NOTHING, Cost, Figure, compare, cost, do, ratio

PAIRS = 11

VERBS = ("init", "stage", "exec", "finalize", "reopen")

COMPLETED = (("r",), ("run", "--l"), ("run", "t"), ("run", "train", "lr="), ("show", ""))
"""Words at whose end TAB is pressed."""

GAGE_FILE = """\
train:
  description: Train the model
  exec: python train.py
  config: train.py
  flags:
    lr: {type: number, min: 0, max: 1}
"""


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    nothing = partial(cost, NOTHING)
    done = os.path.join(place, "done")
    for verb in VERBS[:-1]:
        do(*command_of(verb, done))
    project = os.path.join(place, "project")
    _write(os.path.join(project, "gage.yaml"), GAGE_FILE)
    _write(os.path.join(project, "train.py"), "lr = 0.1\nepochs = 3\nprint(lr * epochs)\n")

    yield Figure("gage-status", ratio(partial(cost, ["gage-status", done]), nothing, PAIRS), 3)
    for verb in VERBS:
        trial = partial(_verb, verb, place, "")
        yield Figure(f"gage-{verb} of a command", ratio(trial, nothing, PAIRS), 5)
    for verb in VERBS:
        if verb != "exec":  # there the command itself would count, a Python
            trial = partial(_verb, verb, place, project)
            yield Figure(f"gage-{verb} of a project", ratio(trial, nothing, PAIRS), 5)

    for words in COMPLETED:
        command = ["gage-complete", "gage", *words]
        trial = partial(cost, command, cwd=project)
        yield Figure(f"gage-complete gage {' '.join(words)}", ratio(trial, nothing, PAIRS), 6)

    _write(os.path.join(place, "hello.py"), 'print("hello")\n')
    whole, _ = compare(partial(cost, ["gage", "run", "hello.py", "-y"], cwd=place), nothing, PAIRS)
    yield Figure("gage run hello.py", whole.cpu, 0.25, "s")


def command_of(verb: str, run_dir: str, project: str = "") -> list[str]:
    """The command of a verb, for a run of true(1), or of the operation ``train`` of *project*."""
    more = ["-C", project, "train", "lr=0.2"] if project else ["--", "true"]
    return [f"gage-{verb}", run_dir, *(more if verb == "init" else [])]


def _verb(verb: str, place: str, project: str) -> Cost:
    """The cost of a verb on a new run, for which the verbs before it have been done."""
    run_dir = os.path.join(place, "runs", os.urandom(8).hex())
    for before in VERBS[: VERBS.index(verb)]:
        do(*command_of(before, run_dir, project))
    return cost(command_of(verb, run_dir, project))


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
