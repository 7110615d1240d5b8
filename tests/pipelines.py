"""Projects with pipelines, and what became of their runs."""

import os

from gage.listing import read_rows
from gage.row import Row
from gage.run import Run, open_run
from tests.porcelain.place import Told, gage
from tests.programs import QUICK, write

FAIL = "fail = False\n\nif fail:\n    raise SystemExit('FAIL')\n"

TRAIN = """\
lr = 0.5
extra = None
text = open("data.txt").read().strip()
print("training", lr, extra, text)
open("model.txt", "w").write(f"{lr} {extra} {text}")
if lr > 10:
    raise SystemExit(3)
"""

CHAIN = """\
prepare:
  exec: sh -c 'echo $FLAG_N > data.txt'
  flags: {n: 1}
train:
  exec: python train.py
  config: train.py
  depends: [{run: prepare, files: data.txt}]
evaluate:
  exec: cat model.txt
  depends: [{run: train, files: model.txt}]
all:
  flags: {n: 1, lr: 0.1}
  steps: ["prepare n=${n}", "train lr=${lr}", evaluate]
outer:
  flags: {n: 1}
  steps: ["all n=${n}", {run: prepare, needs: []}]
"""


class Project:
    """A project in the directory *path*, and its runs."""

    def __init__(self, path: object, gage_yaml: str, **files: str) -> None:
        """Write the project; ``train_py="..."`` is the file train.py."""
        self.path = str(path)
        self.home = os.path.join(self.path, ".gage", "runs")
        self.write("gage.yaml", gage_yaml)
        for name, text in files.items():
            self.write(name.replace("_py", ".py"), text)

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        write(os.path.join(self.path, name), text)

    def gage(self, *words: str, cwd: str = "") -> Told:
        """Run the program gage in the project."""
        return gage(*words, cwd=cwd or self.path, env=QUICK)

    def run(self, *words: str) -> Told:
        """``gage run``, without a question."""
        return self.gage("run", "-y", *words)

    def restart(self, *words: str) -> Told:
        """``gage restart``, without a question."""
        return self.gage("restart", "-y", *words)

    def listing(self) -> list[str]:
        """What ``gage runs -s`` says of each run, its number and the padding left out."""
        lines = self.gage("runs", "-s").out.splitlines()
        return [" ".join(line.split()[1:]) for line in lines]

    def rows(self, operation: str) -> list[Row]:
        """The runs of an operation, the newest first."""
        return [row for row in read_rows(self.home) if row.operation == operation]

    def newest(self, operation: str) -> Run:
        """The newest run of an operation."""
        return open_run(self.rows(operation)[0].run_dir, sync="none")

    def steps(self, parent: Run) -> dict[str, Row]:
        """The run at each link of a pipeline, by the name of the link."""
        rows = {row.name: row for row in read_rows(self.home)}
        links = [entry for entry in os.scandir(parent.run_dir) if entry.is_symlink()]
        found = {entry.name: os.path.basename(os.readlink(entry.path)) for entry in links}
        return {name: rows[run] for name, run in sorted(found.items()) if run in rows}

    def states(self, parent: Run) -> dict[str, str]:
        """The status and the values of each step, by its name."""
        steps = self.steps(parent)
        return {name: f"{row.status} {row.settings}".rstrip() for name, row in steps.items()}


def chain(path: object) -> Project:
    """A project that prepares, trains and evaluates: ``all``, and ``outer`` around it."""
    return Project(path, CHAIN, train_py=TRAIN)


def done(told: Told) -> list[str]:
    """What was said of steps: ``running prepare``, ``restarting train``, in order."""
    lines = [line.split() for line in told.err.splitlines() if line.startswith("INFO: [gage] ")]
    return [f"{words[2]} {words[3].rstrip(':')}" for words in lines]
