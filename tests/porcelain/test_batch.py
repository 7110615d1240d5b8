import os
import re
import signal
import subprocess
import time

import pytest

from tests.porcelain.place import gage, gage_on_terminal

GAGE_FILE = """\
prepare:
  exec: mkdir -p data && echo ${size} > data/size
  flags: {size: 1}
train:
  exec: python train.py
  config: train.py
  depends: [{run: prepare, files: data/size}]
try:
  exec: python try.py
  config: try.py
all:
  flags: {size: 1}
  steps:
    - prepare size=${size}
    - train lr=[0.1,0.01]
    - count
count:
  exec: ls
"""
TRAIN = """\
lr = 0.1
size = open("data/size").read().strip()
print(f"lr={lr} size={size}")
"""
TRY = """\
import os, time
x = 1
bad = 0
held = 0
while x == held and not os.path.exists(os.environ["GO"]):
    time.sleep(0.02)
if x == bad:
    raise SystemExit(x)
print(x)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("GAGE_FSYNC", "none")
    (tmp_path / "gage.yaml").write_text(GAGE_FILE)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "try.py").write_text(TRY)
    return tmp_path


def listed(place, *words):
    lines = gage("runs", "-s", *words, cwd=place).out.splitlines()
    return sorted(re.sub(r"^\[\d+\] +", "", re.sub(" +", " ", line)) for line in lines)


def steps_said(told):
    return re.findall(r"(running|restarting) (\d+): ", told.err)


def batch_dir(place, spec="try+"):
    return gage("select", "--dir", spec, cwd=place).out.strip()


def attempts(place, x):
    """How often the trial with the value *x* has been started."""
    run_dir = gage("select", "--dir", "-Fo", "try", "-Fe", f"x = {x}", cwd=place).out.strip()
    kept = os.path.join(run_dir + ".meta", "attempts")
    return 1 + (len(os.listdir(kept)) if os.path.isdir(kept) else 0)


def test_a_sequence_runs_a_trial_for_each_of_its_values(place):
    told = gage("run", "try", "x=[2,3]", "-y", cwd=place)
    assert (told.out, told.code) == ("2\n3\n", 0)
    assert told.err == ("INFO: [gage] running 1: try x=2\nINFO: [gage] running 2: try x=3\n")
    assert listed(place) == [
        "try completed x=2",
        "try completed x=3",
        "try+ completed x=[2,3]",
    ]
    assert sorted(os.listdir(batch_dir(place))) == ["1", "2"]


def test_the_trials_of_two_sequences_are_their_product(place):
    gage("run", "try", "x=[2,3]", "bad=range[8:9]", "held=9", "-y", cwd=place)
    assert listed(place, "-Fo", "try") == [
        f"try completed x={x} bad={bad} held=9" for x in (2, 3) for bad in (8, 9)
    ]
    assert listed(place, "-Fo", "try+") == ["try+ completed x=[2,3] bad=range[8:9] held=9"]


def test_a_script_is_an_operation_of_a_batch_too(place):
    assert gage("run", "try.py", "x=[2,3]", "-y", cwd=place).out == "2\n3\n"
    assert listed(place, "-Fo", "try.py+") == ["try.py+ completed x=[2,3]"]


def test_a_file_has_a_trial_in_each_row(place):
    (place / "t.csv").write_text("x,bad\n2,8\n3,9\n")
    told = gage("run", "try", "--batch", "t.csv", "-y", cwd=place)
    assert (told.out, told.code) == ("2\n3\n", 0)
    assert listed(place) == [
        "try completed x=2 bad=8",
        "try completed x=3 bad=9",
        "try+ completed x=t.csv#x bad=t.csv#bad",
    ]


def test_a_file_and_a_sequence_are_multiplied(place):
    (place / "t.json").write_text('[{"bad": 8}, {"bad": 9}]')
    gage("run", "try", "x=[2,3]", "--batch", "t.json", "-y", cwd=place)
    assert len(listed(place, "-Fo", "try")) == 4


def test_a_trial_that_fails_stops_no_other_and_gives_the_batch_its_code(place):
    told = gage("run", "try", "x=[2,3,4]", "bad=3", "-y", cwd=place)
    assert (told.out, told.code) == ("2\n4\n", 3)
    assert listed(place) == [
        "try completed x=2 bad=3",
        "try completed x=4 bad=3",
        "try error x=3 bad=3",
        "try+ error x=[2,3,4] bad=3",
    ]


def test_a_restart_runs_what_failed_and_leaves_what_is_completed(place):
    gage("run", "try", "x=[2,3,4]", "bad=3", "-y", cwd=place)
    told = gage("restart", "try+", "-y", cwd=place)
    assert (steps_said(told), told.code) == ([("restarting", "2")], 3)
    told = gage("restart", "try+", "2:bad=0", "-y", cwd=place)
    assert (steps_said(told), told.code) == ([("restarting", "2")], 0)
    assert listed(place, "-Fo", "try+") == ["try+ completed x=[2,3,4] bad=3 2:bad=0"]
    told = gage("restart", "try+", "-y", cwd=place)
    assert (steps_said(told), told.code) == ([], 0)


def test_a_restart_with_a_value_gives_it_to_all_trials(place):
    gage("run", "try", "x=[2,3]", "-y", cwd=place)
    told = gage("restart", "try+", "bad=7", "-y", cwd=place)
    assert steps_said(told) == [("restarting", "1"), ("restarting", "2")]
    told = gage("restart", "try+", "x=3", "-y", cwd=place)
    assert steps_said(told) == [("restarting", "1")]
    assert listed(place, "-Fo", "try") == ["try completed x=3 bad=7"] * 2


def test_a_restart_says_what_is_wrong_before_it_changes_anything(place):
    gage("run", "try", "x=[2,3]", "-y", cwd=place)
    before = listed(place)
    for word, message in (
        ("x=a", "step 1: x=a: expected a whole number"),
        ("y=1", "step 1: y: no such key"),
        ("3:x=1", "3:x: try+ has no such trial"),
        ("x=[2,4]", "x=[2,4]: try+ has other trials"),
    ):
        told = gage("restart", "try+", word, "-y", cwd=place)
        assert (message in told.err, told.code) == (True, 125), told.err
    assert listed(place) == before
    assert attempts(place, 2) == 1


def test_a_restart_of_one_run_takes_no_sequence(place):
    gage("run", "try", "-y", cwd=place)
    told = gage("restart", "try", "x=[2,3]", "-y", cwd=place)
    assert (told.code, "x=[2,3]: try was run once" in told.err) == (125, True)


def test_a_batch_that_was_stopped_runs_the_rest_when_it_is_restarted(place):
    go = str(place / "go")
    runner = subprocess.Popen(
        ["gage", "run", "try", "x=[2,3,4]", "held=3", "-y"],
        cwd=place,
        env={**os.environ, "GO": go},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while "try running x=3 held=3" not in listed(place):
        assert runner.poll() is None
        time.sleep(0.05)
    runner.send_signal(signal.SIGTERM)
    runner.wait()
    assert listed(place) == [
        "try completed x=2 held=3",
        "try staged x=4 held=3",
        "try terminated x=3 held=3",
        "try+ terminated x=[2,3,4] held=3",
    ]
    (place / "go").write_text("")
    told = gage("restart", "try+", "-y", cwd=place, env={"GO": go})
    assert (steps_said(told), told.code) == ([("restarting", "2"), ("running", "3")], 0)
    assert {line.split()[1] for line in listed(place)} == {"completed"}


def test_a_trial_that_is_gone_is_made_again(place):
    gage("run", "try", "x=[2,3]", "-y", cwd=place)
    os.remove(os.path.join(batch_dir(place), "2"))
    told = gage("restart", "try+", "-y", cwd=place)
    assert (steps_said(told), told.out, told.code) == ([("running", "2")], "3\n", 0)


def test_a_batch_is_a_snapshot_of_the_project(place):
    id = gage("run", "try", "x=[2,3]", "--stage", cwd=place).out.strip()
    (place / "try.py").write_text("x = 1\nprint('other')\n")
    os.rename(place / "gage.yaml", place / "other.yaml")
    assert listed(place) == ["try staged x=2", "try staged x=3", "try+ staged x=[2,3]"]
    assert gage("run", "--start", id, cwd=place).out == "2\n3\n"


def test_a_batch_with_other_source_code_runs_all_trials(place):
    gage("run", "try", "x=[2,3]", "-y", cwd=place)
    (place / "try.py").write_text("x = 1\nbad = 0\nheld = 0\nprint('now', x)\n")
    told = gage("restart", "try+", "--force-sourcecode", "-y", cwd=place)
    assert (told.out, told.code) == ("now 2\nnow 3\n", 0)


def test_what_gage_run_prints_does_the_same(place):
    (place / "t.csv").write_text("bad\n8\n9\n")
    script = gage("run", "try", "x=[2,3]", "--batch", "t.csv", "--print", cwd=place).out
    told = subprocess.run(["sh"], input=script, cwd=place, capture_output=True, text=True)
    assert (told.stdout, told.returncode) == ("2\n2\n3\n3\n", 0)
    assert listed(place, "-Fo", "try+") == ["try+ completed x=[2,3] bad=t.csv#bad"]


def test_trials_run_side_by_side(place):
    told = gage("run", "try", "x=range[2:9]", "-j", "3", "-y", cwd=place)
    assert sorted(told.out.split("\n")[:-1]) == [f"{n} | {n + 1}" for n in range(1, 9)]
    assert told.code == 0


def test_with_needed_a_trial_that_an_equal_run_was_is_not_run(place):
    gage("run", "try", "x=3", "-y", cwd=place)
    told = gage("run", "try", "x=[2,3,4]", "--needed", "-y", cwd=place)
    assert (steps_said(told), told.code) == ([("running", "1"), ("running", "3")], 0)
    told = gage("run", "try", "x=[4,3]", "--needed", "-y", cwd=place)
    assert (steps_said(told), told.code) == ([], 0)
    assert listed(place, "-Fo", "try") == [f"try completed x={x}" for x in (2, 3, 4)]
    batches = listed(place, "-Fo", "try+")
    assert batches == ["try+ completed x=[2,3,4]", "try+ completed x=[4,3]"]


def test_the_run_of_another_that_a_trial_found_is_not_run_again_with_other_values(place):
    gage("run", "try", "x=[2,3]", "-y", cwd=place)
    gage("run", "try", "x=[3,4]", "--needed", "-l", "two", "-y", cwd=place)
    told = gage("restart", "try+", "bad=7", "-y", cwd=place)
    assert steps_said(told) == [("running", "1"), ("restarting", "2")]
    assert listed(place, "-Fe", "x = 3") == ["try completed two", "try completed x=3"]


def test_label_and_tags_of_a_batch_are_those_of_its_trials(place):
    gage("run", "try", "x=[2,3]", "-l", "sweep", "-t", "a", "-y", cwd=place)
    assert listed(place, "-Fl", "sweep", "-Ft", "a") == [
        "try completed sweep",
        "try completed sweep",
        "try+ completed sweep",
    ]


def test_a_trial_takes_files_of_the_newest_run_of_all(place):
    told = gage("run", "train", "lr=[1,2]", "-y", cwd=place)
    assert (told.code, "and there is none" in told.err) == (125, True)
    gage("run", "prepare", "size=5", "-y", cwd=place)
    told = gage("run", "train", "lr=[1,2]", "-y", cwd=place)
    assert told.out == "lr=1.0 size=5\nlr=2.0 size=5\n"


def test_a_step_may_be_a_batch_and_takes_files_of_the_steps_before_it(place):
    gage("run", "prepare", "size=5", "-y", cwd=place)
    told = gage("run", "all", "size=7", "-y", cwd=place)
    assert told.out.startswith("lr=0.1 size=7\nlr=0.01 size=7\n")
    assert told.code == 0
    assert [line.removeprefix("INFO: [gage] ") for line in told.err.splitlines()] == [
        "running prepare: prepare size=7",
        "running train: train+ lr=[0.1,0.01]",
        "running 1: train lr=0.1",
        "running 2: train lr=0.01",
        "running count: count",
    ]


def test_a_step_that_is_a_batch_leaves_its_trials_where_nothing_changed(place):
    gage("run", "all", "-y", cwd=place)
    told = gage("restart", "all", "-y", cwd=place)
    assert re.sub(r": \w{8} ?", ": ", told.err).splitlines() == [
        "INFO: [gage] restarting prepare: size=1",
        "INFO: [gage] restarting train: lr=[0.1,0.01]",
        "INFO: [gage] restarting count: ",
    ]
    told = gage("restart", "all", "size=2", "-y", cwd=place)
    assert told.out.startswith("lr=0.1 size=2\nlr=0.01 size=2\n")
    told = gage("restart", "all", "train:lr=0.5", "-y", cwd=place)
    assert told.out.startswith("lr=0.5 size=2\nlr=0.5 size=2\n")


def test_a_step_that_is_a_batch_is_checked_before_anything_runs(place):
    text = (place / "gage.yaml").read_text().replace("[0.1,0.01]", "[0.1,x]")
    (place / "gage.yaml").write_text(text)
    told = gage("run", "all", "-y", cwd=place)
    assert (told.out, told.code) == ("", 125)
    assert "step train: lr=x: expected a number" in told.err
    assert listed(place) == []


def test_a_preview_shows_the_trials_and_makes_no_run(place):
    told = gage("run", "try", "x=range[1:25]", "bad=7", "--preview", cwd=place)
    lines = told.out.splitlines()
    assert lines[:5] == ["try+", " * bad  7", "25 trials:", "       x", "   01  1"]
    assert "   and 5 more" in lines
    assert not os.path.exists(place / ".gage")


def test_a_person_is_shown_the_trials_and_asked(place):
    shown, code = gage_on_terminal("run", "try", "x=[2,3]", cwd=place, typed="n\n")
    assert "2 trials:\n      x\n   1  2\n   2  3\n" in shown
    assert code == 1
    assert listed(place) == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["x=[2,a]"], 125, "gage run: x=a: expected a whole number (try.py:2 has 1)"),
        (["x=range[0:1:0]"], 125, "gage run: x=range[0:1:0]: a step of zero never arrives"),
        (["--batch", "t.csv"], 125, "gage run: t.csv:3: x=a: expected a whole number"),
        (["--batch", "none.csv"], 125, "gage run: none.csv: no such file"),
        (["x=range[1:20000]"], 125, "gage run: x=range[1:20000]: makes 20,000 trials"),
    ],
)
def test_a_mistake_is_said_and_leaves_no_run(place, words, code, message):
    (place / "t.csv").write_text("x\n1\na\n")
    told = gage("run", "try", *words, "-y", cwd=place)
    assert told.err.startswith(message)
    assert (told.out, told.code) == ("", code)
    assert listed(place) == []
