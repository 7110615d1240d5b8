"""Upstream: what a step may take files from, through a real pipeline."""

from tests.porcelain.place import gage

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
