import os
import subprocess

import pytest

from gage.completion import complete
from gage.run import open_run
from gage.trash import delete_run
from tests.porcelain.place import write_run

GAGE_FILE = """\
train:
  description: |
    Train the model
    at length
  default: true
  exec: python train.py
  config: train.py
  flags:
    kind: {default: sgd, choices: [sgd, adam]}
    shuffle: yes
    data: {type: path}
    key: {secret: true}
m1:prepare: "true"
"""


@pytest.fixture
def place(project):
    with open(os.path.join(project, "gage.yaml"), "w") as file:
        file.write(GAGE_FILE)
    home = os.path.join(project, ".gage", "runs")
    write_run(home, 1, "train", config={"lr": 0.1, "deep": True}, files={"out/model.bin": b""})
    write_run(home, 0xBEEF, "m1:eval", exit=1, metrics={"loss": 2})
    return project


def texts(place, *words):
    return [text for text, _ in complete(["gage", *words], place, {"PATH": "/none"})]


def abouts(place, *words):
    return dict(complete(["gage", *words], place, {"PATH": "/none"}))


def test_commands_of_both_kinds_are_completed_with_what_they_are_for(place):
    found = abouts(place, "")
    assert found["run"] == "run an operation or a script"
    assert found["ls-runs"] == "list run dirs"
    assert not [name for name in found if " " in name or name.startswith("gage")]


def test_a_program_on_the_path_is_a_command(place, tmp_path):
    program = tmp_path / "bin" / "gage-foo"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    assert complete(["gage", "fo"], place, {"PATH": str(program.parent)}) == []
    program.chmod(0o755)
    (found,) = complete(["gage", "fo"], place, {"PATH": str(program.parent)})
    assert found.text == "foo"


def test_what_stands_below_runs_and_its_options_are_its_own(place):
    assert texts(place, "runs", "re") == ["restore"]
    assert "--no-wait" in texts(place, "runs", "stop", "--")
    assert "--no-wait" not in texts(place, "runs", "rm", "--")


def test_options_before_the_command_are_passed_over(place, tmp_path):
    assert texts(str(tmp_path), "-C", "project", "run", "m") == ["m1:prepare"]
    assert texts(str(tmp_path), "--runs", "project/.gage/runs", "show", "be") == ["beefbeef"]
    assert texts(place, "--tr") == ["--trust"]
    assert texts(place, "-C", "") == [""]


def test_operations_scripts_and_flags_of_the_default_are_offered_to_run(place):
    (place_dir := os.path.join(place, "tools")) and os.mkdir(place_dir)
    found = abouts(place, "run", "")
    assert found["train"] == "the default: Train the model"
    assert found["train.py"] == "a script"
    assert {"m1:prepare", "tools/", "lr=", "epochs=", "kind=", "shuffle="} <= set(found)
    assert "gage.yaml" not in found and ".gage/" not in found
    assert found["lr="] == "0.1"


def test_an_operation_is_offered_once_and_flags_that_are_given_no_more(place):
    assert "train" not in texts(place, "run", "lr=1", "train", "")
    assert texts(place, "run", "lr=1", "train", "ep") == ["epochs="]
    assert texts(place, "run", "lr=1", "train", "l") == []
    assert texts(place, "run", "m1:prepare", "") == []


def test_values_are_the_choices_booleans_or_the_default(place):
    assert abouts(place, "run", "train", "kind=") == {"kind=sgd": "the default", "kind=adam": ""}
    assert texts(place, "run", "train", "shuffle=") == ["shuffle=yes", "shuffle=no"]
    assert texts(place, "run", "train", "lr=") == ["lr=0.1"]
    assert texts(place, "run", "train", "data=") == [""]
    assert texts(place, "run", "train", "key=") == []


def test_a_script_has_its_constants_for_flags(place):
    assert texts(place, "run", "train.py", "e") == ["epochs="]
    assert texts(place, "ops", "train.") == ["train.py"]


def test_a_metric_is_one_that_runs_have_and_a_run_comes_after_it(place):
    write_run(os.path.join(place, ".gage", "runs"), 2, metrics={"loss": 1, "accuracy": 0.5})
    assert abouts(place, "plot", "") == {"loss": "2", "accuracy": "0.5"}
    assert texts(place, "plot", "a") == ["accuracy"]
    assert "@" in texts(place, "plot", "loss", "")


def test_plumbing_takes_the_run_dir_first(place):
    assert texts(place, "init", "runs/one", "m") == ["m1:prepare"]
    run_dirs = texts(place, "stage", ".gage/runs/")
    assert run_dirs == [f".gage/runs/{'0001' * 8}", f".gage/runs/{'beef' * 8}"]
    assert complete(["/usr/bin/gage-init", "--op"], place, {})[0].text == "--opdef"


def test_runs_are_offered_by_short_id_by_operation_and_from_the_newest(place):
    found = abouts(place, "show", "")
    assert found["beefbeef"] == "m1:eval  error"
    assert found["@"] == "the newest: m1:eval  error"
    assert found["@~1"] == "train  completed"
    assert {"train@", "m1:eval@"} <= set(found)
    assert texts(place, "show", "t") == ["train@"]
    assert texts(place, "show", "beefbeefb") == ["beef" * 8]


def test_what_is_the_default_says_so_without_a_description_too(place):
    with open(os.path.join(place, "gage.yaml"), "w") as file:
        file.write("train: {exec: x, default: true}\nother: y\n")
    assert abouts(place, "run", "train")["train"] == "the default"
    assert abouts(place, "run", "oth") == {"other": ""}


@pytest.mark.parametrize("verb", ["restore", "purge"])
def test_of_deleted_runs_those_are_offered_that_are_deleted(place, verb):
    assert texts(place, "runs", verb, "") == []
    delete_run(open_run(os.path.join(place, ".gage", "runs", "beef" * 8)))
    found = abouts(place, "runs", verb, "")
    assert found == {
        "beefbeef": "m1:eval  error",
        "@": "the newest: m1:eval  error",
        "m1:eval@": "the newest of it: m1:eval  error",
    }
    assert texts(place, "runs", verb, "be") == ["beefbeef"]
    assert "beefbeef" not in texts(place, "runs", "rm", "")


def test_only_so_many_runs_are_looked_at_and_the_last_that_changed(place):
    home = os.path.join(place, ".gage", "runs")
    for number in range(0x100, 0x150):
        id = write_run(home, number, "train")
        os.utime(os.path.join(home, f"{id}.meta"), (number, number))
    found = texts(place, "show", "0")
    assert len([text for text in found if not text.endswith("@")]) == 50
    assert {"00010001", "014f014f"} <= set(found) and "01000100" not in found


def test_values_of_filters_are_those_that_runs_have(place):
    assert texts(place, "runs", "-Fs", "e") == ["error", "exited"]
    assert texts(place, "runs", "--status=e") == ["--status=error", "--status=exited"]
    assert texts(place, "runs", "-Fo", "") == ["m1:eval", "train"]
    assert texts(place, "runs", "rm", "-Fe", "lo") == ["loss"]
    assert "last 2 hours" in texts(place, "runs", "--started", "")


def test_the_runs_are_those_of_where_the_command_would_work(place, tmp_path):
    (tmp_path / "there").mkdir()
    write_run(str(tmp_path / "there" / "rr"), 3, "train", config={"lr": 0.1})
    os.chdir(tmp_path)
    for words in (
        ["show", "-C", "there", "--runs", "rr", "0003"],
        ["show", "--runs", "rr", "-C", "there", "0003"],
        ["--runs", "rr", "-C", "there", "show", "0003"],
        ["--runs=rr", "-C", "there", "show", "0003"],
        ["-C", "there", "show", "--runs", "rr", "0003"],
    ):
        assert texts(str(tmp_path), *words) == ["00030003"], words


def test_the_config_of_a_run_is_offered_to_its_restart(place):
    assert texts(place, "restart", "0001", "") == ["lr=", "deep="]
    assert texts(place, "restart", "0001", "deep=") == ["deep=yes", "deep=no"]


def test_run_restarts_a_run_with_the_config_of_that_run(place):
    assert texts(place, "run", "--restart", "0001", "") == ["lr=", "deep="]
    assert texts(place, "run", "--restart", "0001", "lr=1", "d") == ["deep="]


def test_what_is_taken_away_or_edited_is_not_written_first(place):
    assert texts(place, "runs", "label", "--delete", "be") == ["beefbeef"]
    assert texts(place, "runs", "comment", "-e", "be") == ["beefbeef"]
    assert texts(place, "runs", "comment", "be") == []
    assert texts(place, "runs", "tag", "--delete", "be") == []


def test_files_of_the_run_that_was_named_are_offered(place):
    assert texts(place, "cat", "0001", "out/") == ["out/model.bin"]
    assert "train.py" in texts(place, "cat", "")


def test_nothing_is_an_option_behind_the_end_of_options(place):
    assert texts(place, "run", "--", "--pr") == []
    assert texts(place, "run", "--pr") == ["--preview", "--print"]


def test_phases_and_pages_are_known(place):
    assert texts(place, "stage", ".", "--phase", "c") == ["config"]
    assert texts(place, "log", "--phase", "f") == ["finalize"]
    assert "file" in texts(place, "help", "fi")


def test_a_gage_file_that_is_wrong_elsewhere_is_of_use_all_the_same(place):
    with open(os.path.join(place, "gage.yaml"), "a") as file:
        file.write("bad: {exce: 1}\nworse: 3\nflags: {exec: x, flags: [1], config: {}}\n")
    assert texts(place, "run", "tr") == ["train", "train.py"]
    assert texts(place, "run", "flags", "") == []


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "a: {flags: {x: {choices: 3}}, exec: t}"])
def test_a_gage_file_that_cannot_be_read_is_no_fault(place, text):
    with open(os.path.join(place, "gage.yaml"), "w") as file:
        file.write(text)
    assert "train.py" in texts(place, "run", "")
    assert "x=" not in texts(place, "run", "a", "x=")


def test_a_gage_file_of_somebody_else_is_not_read(place, monkeypatch):
    monkeypatch.setattr("gage.trust.os.geteuid", lambda: 12345)
    monkeypatch.setattr("gage.trust.believed", lambda environ: {12345})
    assert texts(place, "run", "m") == []


def test_a_name_that_would_steer_the_terminal_is_left_out_or_shown_escaped(place, project):
    home = os.path.join(place, ".gage", "runs")
    write_run(home, 3, "train", config={"x": "\x1b[2J"}, given=["x"])
    open(os.path.join(place, "\x1b[2J.py"), "w").close()
    told = subprocess.run(
        ["gage-complete", "gage", "show", "0003"], cwd=place, capture_output=True, check=True
    )
    assert told.stdout.count(b"\n") == 1
    assert b"\x1b" not in told.stdout
    assert not [text for text in texts(place, "run", "") if "\x1b" in text]


def test_neither_typer_nor_argparse_is_imported(place):
    code = (
        "import sys; from gage.plumbing.complete import main\n"
        "main(['gage', 'run', '']); main(['gage', 'show', ''])\n"
        "print({'typer', 'argparse', 'json.schema'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(["python", "-c", code], cwd=place, capture_output=True, check=True)
    assert done.stderr == b"set()\n"
