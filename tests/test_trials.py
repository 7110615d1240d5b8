import re

import pytest

from gage.errors import ConfigError
from gage.opdef import OpDef
from gage.trials import resolve_for_trials, trial_flags, trial_steps

VALUES = [{"lr": 0.1}, {"lr": 0.2}]
BATCH = OpDef("train+", {"batch": {"lr": "[0.1,0.2]"}, "steps": trial_steps("train", VALUES)})


def test_a_trial_has_its_own_values_then_those_of_all_then_those_for_it():
    own = {"lr": "0.1"}
    assert trial_flags("1", own, {"epochs": 3}) == {"lr": "0.1", "epochs": "3"}
    assert trial_flags("1", own, {"lr": 0.5}) == {"lr": "0.5"}
    assert trial_flags("1", own, {"1:lr": 0.7, "lr": 0.5, "2:lr": 0.9}) == {"lr": "0.7"}
    assert trial_flags("1", own, {"fail:x": 1}) == {"lr": "0.1", "fail:x": "1"}
    assert trial_flags("1", own, {"name": "[a]"}) == {"lr": "0.1", "name": '"[a]"'}


def test_an_operation_with_an_odd_name_is_one_word_of_a_step():
    (step,) = trial_steps("a b.py", [{}])
    assert step["run"] == "'a b.py'"


def test_a_batch_that_is_there_takes_values_for_all_its_trials_and_for_one():
    resolved = resolve_for_trials(BATCH, {"epochs": "4", "2:lr": "no"})
    assert resolved.config == {"epochs": 4, "2:lr": False}


def test_the_sequence_that_a_batch_has_is_no_news():
    assert resolve_for_trials(BATCH, {"lr": "[0.1,0.2]"}).config == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": "[0.1,0.3]"}, "lr=[0.1,0.3]: train+ has other trials"),
        ({"epochs": "range[1:2]"}, "epochs=range[1:2]: train+ has other trials"),
        ({"3:lr": "1"}, "3:lr: train+ has no such trial"),
    ],
)
def test_which_trials_a_batch_has_is_settled(given, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        resolve_for_trials(BATCH, given)
