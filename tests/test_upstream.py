"""Upstream: what a step may take files from, through a real pipeline."""

import os

from gage.upstream import find_parent
from tests.porcelain.place import gage
from tests.written import write_run

GAGE_FILE = """\
train:
  exec: echo ${lr} > model.txt
  flags: {lr: 0.1}
pick:
  exec: cat model.txt
  depends: [{run: train, files: model.txt}]
all:
  steps:
    - train lr=[0.1,0.2,0.3]
    - pick
"""


def test_a_step_takes_files_from_the_trials_of_a_batch_before_it(tmp_path):
    (tmp_path / "gage.yaml").write_text(GAGE_FILE)
    ran = gage("run", "all", "-y", cwd=tmp_path, env={"GAGE_FSYNC": "none"})
    assert (ran.code, ran.out) == (0, "0.3\n")
    source = gage("show", "pick", cwd=tmp_path).out
    assert "model.txt  from train" in source


def test_the_pipeline_of_a_step_is_found_among_damaged_runs(tmp_path):
    home = str(tmp_path)
    parent = write_run(home, "all", name="pipeline")
    step = write_run(home, "step", parent=parent.id)
    for number in range(20):
        os.makedirs(f"{home}/damaged{number}.meta/id")
    assert find_parent(step) == parent
    os.rename(parent.meta_dir, f"{home}/aside")
    assert find_parent(step) is None
