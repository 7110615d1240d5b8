import os
import re

import pytest

from gage.batch import plan_batch, prepare_all
from gage.batch_file import read_batch_file
from gage.errors import ConfigError
from gage.opdef import batch_texts, is_batch, raw_steps
from gage.operation import open_operation

GAGE_FILE = """\
m1:train:
  description: Train
  exec: python train.py
  config: train.py
  flags:
    name: {type: string, default: a}
    kind: {choices: [p, q], default: p}
m1:both:
  flags: {fast: no}
  steps:
    - train lr=0.5
    - train epochs=9
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "gage.yaml").write_text(GAGE_FILE)
    (tmp_path / "train.py").write_text("lr = 0.1\nepochs = 3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepared(*words, operation="m1:train", file=None, force=False):
    given = dict(word.split("=", 1) for word in words)
    found = open_operation(os.getcwd(), operation)
    return prepare_all(found, given, file=read_batch_file(file) if file else None, force=force)


def values_of(batch):
    return [step["flags"] for step in raw_steps(batch.opdef)]


def test_the_first_name_changes_slowest_and_the_rows_of_a_file_fastest(place):
    (place / "t.csv").write_text("epochs\n1\n2\n")
    batch = plan_batch({"lr": "[0.1,0.2]", "name": "b"}, read_batch_file("t.csv"))
    assert [list(trial.texts.values()) for trial in batch.trials] == [
        ["0.1", "b", "1"],
        ["0.1", "b", "2"],
        ["0.2", "b", "1"],
        ["0.2", "b", "2"],
    ]
    assert batch.varied == {"lr": "[0.1,0.2]", "epochs": "t.csv#epochs"}


def test_without_a_sequence_there_is_no_batch(place):
    run = prepared("lr=0.5")
    assert not is_batch(run.opdef)
    assert str(run.opref) == "m1:train"


def test_a_batch_is_a_pipeline_of_one_operation_and_bears_its_name(place):
    batch = prepared("lr=[0.1,0.2]", "epochs=5")
    assert str(batch.opref) == "m1:train+"
    assert batch.cmd.args == ["gage-run-steps", "."]
    assert batch_texts(batch.opdef) == {"lr": "[0.1,0.2]"}
    assert batch.config == {"epochs": 5}
    assert batch.given == ["epochs"]
    assert raw_steps(batch.opdef) == [
        {"run": "m1:train", "name": "1", "flags": {"lr": 0.1}, "needs": []},
        {"run": "m1:train", "name": "2", "flags": {"lr": 0.2}, "needs": []},
    ]


def test_names_of_trials_sort_as_they_run(place):
    names = [step["name"] for step in raw_steps(prepared("epochs=range[1:100]").opdef)]
    assert names == sorted(names)
    assert (names[0], names[-1]) == ("001", "100")


def test_a_batch_of_one_is_a_batch(place):
    assert values_of(prepared("lr=[0.1]")) == [{"lr": 0.1}]


def test_values_are_of_the_kind_that_their_flag_has(place):
    assert values_of(prepared("name=[1e-3, no, '[b]']")) == [
        {"name": "1e-3"},
        {"name": "no"},
        {"name": "[b]"},
    ]
    assert values_of(prepared("lr=range[0:1:0.5]")) == [{"lr": 0.0}, {"lr": 0.5}, {"lr": 1.0}]


def test_a_string_in_brackets_is_given_in_quotes(place):
    run = prepared('name="[a]"')
    assert not is_batch(run.opdef)
    assert run.config["name"] == "[a]"


def test_a_bracket_that_is_not_closed_is_a_string_where_that_is_allowed(place):
    assert prepared("name=[a").config["name"] == "[a"
    with pytest.raises(ConfigError, match=re.escape("lr=[0.1: expected a number")):
        prepared("lr=[0.1")


def test_a_pipeline_can_be_a_batch_and_so_can_the_flags_of_its_steps(place):
    batch = prepared("fast=[yes,no]", "train_2:lr=[1,2]", "train:epochs=4", operation="m1:both")
    assert values_of(batch) == [
        {"fast": True, "train_2:lr": 1},
        {"fast": True, "train_2:lr": 2},
        {"fast": False, "train_2:lr": 1},
        {"fast": False, "train_2:lr": 2},
    ]
    assert batch.config == {"train:epochs": 4}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lr=[0.1,x]"], "lr=x: expected a number (train.py:1 has 0.1)"),
        (["kind=[p,z]"], "kind=z: expected one of p, q"),
        (["lx=[1,2]"], "lx: m1:train has no such flag"),
        (["lr=[]"], "lr=[]: a sequence without a value"),
        (["lr=[0.1,0.2]", "epochs=x"], "epochs=x: expected a whole number"),
        (["1:lr=[1,2]"], "1:lr: a trial of the batch will be called so"),
        (
            ["lr=linspace[0:1:101]", "epochs=range[1:100]"],
            "lr=linspace[0:1:101] epochs=range[1:100]: makes 10,100 trials, "
            "and a batch has 10,000 at most",
        ),
    ],
)
def test_every_value_of_every_trial_is_checked_before_there_is_a_run(place, words, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        prepared(*words)


def test_a_batch_that_is_too_large_is_refused_before_it_is_made(place):
    sequences = [f"x{i}=range[1:10000]" for i in range(50)]
    with pytest.raises(ConfigError, match=f"makes {10_000**50:,} trials"):
        prepared(*sequences, force=True)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "lr,epoch\n1,2\n", "t.csv:1: epoch: m1:train has no such flag"),
        ("t.csv", "lr,epochs\n1,2\n1,a\n", "t.csv:3: epochs=a: expected a whole number"),
        ("t.json", '[{"lr": 1},\n{"kind": "p",\n"lr": "a"}]', "t.json:3: lr=a: expected a number"),
        ("t.yaml", "- lr: 1\n- kind: z\n", "t.yaml:2: kind=z: expected one of p, q"),
        ("t.yaml", "- lr: 1\n- lx: 1\n", "t.yaml:2: lx: m1:train has no such flag"),
        ("t.csv", "lr,name\n1,b\n", "t.csv:1: name: given on the command line, too"),
    ],
)
def test_a_wrong_value_in_a_file_is_told_with_its_place(place, name, text, message):
    (place / name).write_text(text)
    with pytest.raises(ConfigError, match=re.escape(message)):
        prepared("name=c", file=name)


def test_what_is_forced_upon_a_batch_is_recorded_for_its_trials(place):
    batch = prepared("lr=[a,b]", "new=1", force=True)
    assert batch.opdef.data["forced"] == ["lr", "new"]
    assert values_of(batch) == [{"lr": "a"}, {"lr": "b"}]
