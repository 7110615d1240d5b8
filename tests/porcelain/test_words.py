"""What fingers do: options in any order, runs by short names, words that are nearly right."""

import subprocess

import pytest

from tests.porcelain.place import gage, write_run

RUN = "0abc" * 8


@pytest.fixture
def place(project):
    """A project with three runs: two of ``train``, whose IDs begin alike, and one of ``eval``."""
    home = f"{project}/.gage/runs"
    write_run(home, 0x0ABC, "train", config={"lr": 0.1}, files={"out.txt": b"first\n"})
    write_run(home, 0x0ABD, "train", exit=1, files={"out.txt": b"second\n"})
    write_run(home, 0x1234, "m1:eval", files={"out.txt": b"third\n"})
    return project


@pytest.mark.parametrize(
    "words",
    [
        "-y -l x train lr=0.3 epochs=1",
        "train -y -l x lr=0.3 epochs=1",
        "lr=0.3 -y train -l x epochs=1",
        "lr=0.3 epochs=1 train -l x -y",
        "lr=0.3 epochs=1 -lx -y",
        "train lr=0.3 -l x -y -- epochs=1",
        "-y --label=x -- lr=0.3 train epochs=1",
    ],
)
def test_options_of_run_stand_anywhere(project, words):
    assert gage("run", *words.split(), cwd=project).code == 0
    assert gage("runs", "-s", cwd=project).out == "[1]  train  completed  x\n"
    assert gage("runs", "-s", "-Fe", "lr = 0.3 and epochs = 1", cwd=project).out


def test_behind_two_dashes_nothing_is_an_option(project):
    told = gage("run", "-y", "train", "--", "--label", "x", cwd=project)
    assert (told.code, told.out) == (125, "")
    assert "--label: one operation only" in told.err
    told = gage("run", "-y", "--", "--label", cwd=project)
    assert "--label: no such operation in gage.yaml" in told.err


@pytest.mark.parametrize("words", ["-y @ lr=0.3 -q", "@ -y -q lr=0.3", "@ lr=0.3 -y -q"])
def test_options_of_restart_stand_anywhere(project, words):
    gage("run", "-y", cwd=project)
    told = gage("restart", *words.split(), cwd=project)
    assert (told.code, told.out) == (0, "")
    assert gage("runs", "-s", cwd=project).out == "[1]  train  completed  lr=0.3\n"
    assert gage("restart", "-y", "--", "@", "lr=0.4", cwd=project).code == 0


@pytest.mark.parametrize(
    "words",
    [
        "runs label good -Fo eval",
        "runs -Fo eval label good",
        "runs label -Fo eval good",
        "runs --runs .gage/runs -Fo eval label good",
        "runs label -Fo eval -- good",
    ],
)
def test_options_of_runs_stand_before_and_behind_what_is_done(place, words):
    assert gage(*words.split(), cwd=place).code == 0
    assert gage("runs", "-s", "-Fl", "good", cwd=place).out.startswith("[1]  m1:eval")


def test_the_value_of_an_option_is_not_what_is_done(place):
    gage("runs", "label", "rm", "-Fo", "eval", cwd=place)
    assert gage("runs", "-s", "-Fl", "rm", cwd=place).out == "[1]  m1:eval  completed  rm\n"


SPECS = {
    "0abc": "first", "0ABC0": "first", RUN: "first", "@": "third", "@{1}": "second",
    "@~1": "second", "@~2": "first", "train@": "second", "train": "second",
    "train@{1}": "first", "train@~": "first", "eval@": "third", "m1:eval": "third",
    "1": "third", f".gage/runs/{RUN}": "first",
}  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
def test_every_short_name_is_a_run(place, spec):
    assert gage("cat", spec, "out.txt", cwd=place).out == f"{SPECS[spec]}\n"


COMMANDS = [
    "select SPEC", "show SPEC", "ls SPEC", "cat SPEC out.txt", "log SPEC", "runs diff SPEC 1",
    "runs label text SPEC", "runs tag text SPEC", "runs comment text SPEC", "runs rm -y SPEC",
    "runs export -o out.tar SPEC", "check --runs SPEC",
    "restart -y --needed SPEC", "run --restart SPEC -y --needed",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_short_names(place, command):
    for spec in ("0abc", "@~2", "train@{1}"):
        told = gage(*command.replace("SPEC", spec).split(), cwd=place)
        assert "no such run" not in told.err and "runs begin so" not in told.err
        assert told.code != 2
        gage("runs", "restore", "1", cwd=place)


@pytest.mark.parametrize("command", [*COMMANDS, "runs stop SPEC", "run --start SPEC"])
def test_every_command_tells_what_a_prefix_may_mean(place, command):
    told = gage(*command.replace("SPEC", "0ab").split(), cwd=place)
    assert (told.out, told.code) == (
        "",
        125 if command.startswith("r") and "runs" not in command else 10,
    )
    said = told.err.split("\n")
    assert said[0].endswith("0ab: 2 runs begin so:")
    assert said[1:4] == [
        "  0abd0abd0abd  train  error",
        "  0abc0abc0abc  train  completed",
        "hint: write more of the ID",
    ]


NEARLY = [
    ("rnus", "did you mean gage runs?"),
    ("list", "did you mean gage runs?"),
    ("runs lable x", "did you mean gage runs label?"),
    ("--vresion", "did you mean --version?"),
    ("run --lable x", "did you mean --label?"),
    ("runs --comleted", "did you mean --completed?"),
    ("run trian", "did you mean train?"),
    ("run trian.py", "did you mean train.py?"),
    ("run TRAIN", "did you mean train?"),
    ("run epoch=3", "did you mean epochs?"),
    ("show trian", "did you mean train?"),
    ("show evla@", "did you mean eval"),
    ("show 0adc0abc", "did you mean 0abc0abc?"),
    ("restart trian", "did you mean train?"),
    ("runs -Fs compleet", "did you mean completed?"),
    ("runs -Fe status=eror", "did you mean error?"),
    ("runs -Fe 'statsu=error'", "did you mean status?"),
    ("show -Fe lrr=1", "did you mean lr?"),
    ("runs -Fo trian", "did you mean train?"),
    ("runs rm -Fo trian", "did you mean train?"),
    ("help runz", "did you mean gage-run"),
    ("tag good", "did you mean gage runs tag?"),
    ("rm 1", "did you mean gage runs rm?"),
    ("label x", "did you mean gage runs label?"),
    ("export", "did you mean gage runs export?"),
    ("runs show", "did you mean gage show?"),
    ("runs log 1", "did you mean gage log?"),
    ("runs tga x", "did you mean gage runs tag?"),
    ("run train --lr 1", "flags are given as lr=1\n"),
    ("run --lr=0.5 train.py", "flags are given as lr=0.5\n"),
    ("run --epochs x", "flags are given as epochs=VALUE\n"),
    ("run --momentum 0.9 train", "flags are given as momentum=0.9\n"),
    ("run --label=x --lables y", "did you mean --label?"),
    ("restart 0abc --lr 1", "flags are given as lr=1\n"),
    ("restart --labels 1", "flags are given as labels=1\n"),
    ("restart 0abc --cleen", "did you mean --clean?"),
    ("run -y lr=0.1,0.2", "several values are written lr=[0.1,0.2]\n"),
    ("run -y lr=0.1,x", "the flag's `type` in the gage file"),
]


@pytest.mark.parametrize(("words", "hint"), NEARLY)
def test_the_nearest_right_word_is_named(place, words, hint):
    told = gage(*words.replace("'", "").split(), cwd=place)
    assert f"hint: {hint}" in told.err


def test_a_flag_that_is_written_like_an_option_is_one_though_an_option_is_near(place):
    write_run(f"{place}/.gage/runs", 0x2345, "train", config={"jobz": 1})
    hint = "hint: flags are given as jobz=2\n"
    assert hint in gage("restart", "1", "--jobz", "2", cwd=place).err
    assert "did you mean --jobs?" in gage("restart", "2", "--jobz", "2", cwd=place).err
    with open(f"{place}/train.py", "a") as file:
        file.write("jobz = 1\n")
    assert hint in gage("run", "--jobz=2", cwd=place).err
    assert hint in gage("run", "-C", place, "--jobz=2", "train.py", cwd="/").err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("gage-select --jsno 1", "hint: did you mean --json?\n"),
        ("gage status --waait x", "hint: did you mean --wait?\n"),
        ("gage-ls-runs --fliter=x", "hint: did you mean --filter?\n"),
        ("gage-status x --zzz", "error: unrecognized arguments: --zzz\n"),
    ],
)
def test_plumbing_names_the_nearest_option(place, words, hint):
    done = subprocess.run(words.split(), cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(hint)


@pytest.mark.parametrize(("key", "hint"), [("exce", "exec"), ("flag", "flags"), ("step", "steps")])
def test_the_nearest_key_of_the_gage_file_is_named(tmp_path, key, hint):
    (tmp_path / "gage.yaml").write_text(f"train:\n  exec: 'true'\n  {key}: x\n")
    told = gage("check", cwd=tmp_path)
    assert told.code == 30
    assert f"did you mean {hint}" in told.out


def test_a_list_in_which_nothing_is_left_is_no_error(place):
    told = gage("runs", "-Ft", "godo", cwd=place)
    assert (told.out, told.code) == ("", 0)
    assert told.err == "gage runs: no run here has the tag godo\n"
    gage("runs", "tag", "good", cwd=place)
    assert "did you mean good?" in gage("runs", "-Ft", "godo", cwd=place).err
    assert gage("runs", "-Fo", "eval", "--error", cwd=place) == ("", "", 0)
    assert gage("runs", "-Ft", "godo", "--json", cwd=place) == ("", "", 0)
