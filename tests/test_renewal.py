"""The operation of another attempt, with new values in the place of old ones."""

import pytest

from gage.beginning import init_run
from gage.errors import ConfigError
from gage.operation import open_operation, prepare
from gage.plumbing.stage import stage_run
from gage.renewal import renew, renew_from
from gage.step import Step
from tests.programs import write

GAGE_YAML = """\
train:
  exec: python train.py --lr ${lr}
  config: train.py
  env: {RATE: "${lr}"}
  flags: {size: {type: number, max: 5, default: 1}, out: model}
"""


def staged(project, force=False, **given):
    write(f"{project}/gage.yaml", GAGE_YAML)
    write(f"{project}/train.py", "lr = 0.5\nextra = None\nn = 1\n")
    prepared = prepare(open_operation(str(project), "train"), given, force=force)
    run = init_run(f"{project}/runs/one", prepared, str(project), sync="none")
    stage_run(run, str(project))
    return run


def test_values_that_are_not_given_stay_and_the_command_follows(tmp_path):
    renewed = renew(staged(tmp_path, out="a b", lr="2"), {"size": "3"})
    assert renewed.config == {"lr": 2.0, "extra": None, "n": 1, "size": 3, "out": "a b"}
    assert renewed.given == ["out", "lr", "size"]
    renewed = renew(staged(tmp_path / "b"), {"lr": "7"})
    assert (renewed.cmd.args, renewed.cmd.env["RATE"]) == ("python train.py --lr 7.0", "7.0")


@pytest.mark.parametrize(
    "value", ["1", "'1'", "yes", "'yes'", "1.5", "null", "'null'", "x y", "''", "1e3", "0x10"]
)
def test_what_a_value_is_survives_a_renewal(tmp_path, value):
    run = staged(tmp_path, extra=value, out=value)
    before = prepare(open_operation(str(tmp_path), "train"), {"extra": value, "out": value})
    assert renew(run, {}).config == before.config
    assert renew(run, {}).opdef == renew(run, {"n": "2"}).opdef


def test_a_name_that_the_run_has_not_is_an_error_that_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="lrr: no such key in the config") as caught:
        renew(staged(tmp_path), {"lrr": "1"})
    assert "lr" in caught.value.hint


def test_limits_hold_for_what_is_new_and_not_for_what_was_forced(tmp_path):
    run = staged(tmp_path, force=True, size="9", n="word")
    assert renew(run, {"lr": "1"}).config["size"] == 9
    assert renew(run, {"n": "2"}).config["n"] == 2
    with pytest.raises(ConfigError, match="expected at most 5"):
        renew(run, {"size": "8"})


def test_as_defined_now_what_a_person_gave_stays_and_the_rest_is_new(tmp_path):
    run = staged(tmp_path, lr="2")
    write(f"{tmp_path}/gage.yaml", "train: {exec: 'sh x ${lr}', config: train.py}\n")
    write(f"{tmp_path}/train.py", "lr = 0.1\nn = 8\n")
    operation = open_operation(str(tmp_path), "train")
    renewed = renew_from(run, operation, {})
    assert renewed.config == {"lr": 2.0, "n": 8}
    assert renewed.cmd.args == "sh x 2.0"
    assert renew_from(run, operation, {"lr": "3"}).config["lr"] == 3.0


def test_as_a_step_is_defined_now_all_its_values_are_those_of_the_pipeline(tmp_path):
    run = staged(tmp_path, lr="2")
    operation = open_operation(str(tmp_path), "train")
    step = Step("train", {}, isolate_runs=False)
    renewed = renew_from(run, operation, {"n": "4"}, step)
    assert (renewed.config["lr"], renewed.config["n"], renewed.given) == (0.5, 4, ["n"])
    assert renewed.opdef.data["isolate-runs"] is False
