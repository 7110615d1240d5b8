import os

import pytest

from tests.pipelines import Project
from tests.porcelain.place import at_work, gage, gage_on_terminal, write_run
from tests.programs import begun, program, wait_until


@pytest.fixture
def home(tmp_path):
    home = str(tmp_path / ".gage" / "runs")
    for number in (1, 2, 3):
        write_run(home, number)
    return home


def listed(tmp_path, *words):
    return gage("runs", "-s", *words, cwd=tmp_path).out.count("\n")


def test_a_deleted_run_can_be_brought_back(tmp_path, home):
    assert gage("runs", "rm", "2", "-y", cwd=tmp_path) == ("", "", 0)
    assert (listed(tmp_path), listed(tmp_path, "--deleted")) == (2, 1)
    assert gage("select", "0002", cwd=tmp_path).code == 10
    assert gage("runs", "restore", "0002", cwd=tmp_path) == ("", "", 0)
    assert (listed(tmp_path), listed(tmp_path, "-d")) == (3, 0)
    assert gage("cat", "2", "train.py", cwd=tmp_path).out == "lr = 0.1\n"


def test_a_purged_run_is_gone(tmp_path, home):
    gage("runs", "rm", "1-2", "-y", cwd=tmp_path)
    assert gage("runs", "purge", "1", "-y", cwd=tmp_path) == ("", "", 0)
    assert (listed(tmp_path), listed(tmp_path, "-d")) == (1, 1)
    assert gage("runs", "restore", "1", cwd=tmp_path).code == 0
    assert not os.path.exists(os.path.join(home, "0003" * 8))
    assert os.path.exists(os.path.join(home, "0002" * 8))


def test_without_a_terminal_nothing_is_destroyed_unasked(tmp_path, home):
    gage("runs", "rm", "3", "-y", cwd=tmp_path)
    for verb in ("rm", "purge"):
        told = gage("runs", verb, "1", cwd=tmp_path, input="y\n")
        assert (told.out, told.code) == ("", 2)
        assert told.err.startswith(f"gage runs {verb}: ")
        assert "-y" in told.err
    assert (listed(tmp_path), listed(tmp_path, "-d")) == (2, 1)


def test_a_terminal_is_asked_and_shown_what_goes(tmp_path, home):
    shown, code = gage_on_terminal("runs", "rm", "1", "3", cwd=tmp_path, typed="n\n")
    assert "[1]  00030003  train" in shown
    assert "[2]  00010001  train" in shown
    assert "Delete these 2 runs? [y/N] " in shown
    assert code == 1
    assert listed(tmp_path) == 3
    shown, code = gage_on_terminal("runs", "rm", "1", cwd=tmp_path, typed="y\n")
    assert "Delete this run? [y/N] " in shown
    assert (code, listed(tmp_path)) == (0, 2)


@pytest.mark.parametrize("verb", ["rm", "restore", "purge"])
def test_nothing_said_is_not_everything(tmp_path, home, verb):
    told = gage("runs", verb, cwd=tmp_path)
    assert told.err.startswith(f"gage runs {verb}: which runs?\n")
    assert (told.code, listed(tmp_path)) == (2, 3)


def test_filters_say_which_runs_go(tmp_path, home):
    write_run(home, 4, "other")
    assert gage("runs", "rm", "-Fo", "train", "-n", "2", "-y", cwd=tmp_path).code == 0
    left = gage("runs", "-s", cwd=tmp_path).out.splitlines()
    assert [line.split()[1] for line in left] == ["other", "train"]


def test_a_run_that_is_at_work_is_not_deleted(tmp_path, home):
    id = "0003" * 8
    with at_work(home, id):
        told = gage("runs", "rm", "1", "-y", cwd=tmp_path)
    assert told.code == 11
    assert listed(tmp_path) == 3


@pytest.mark.parametrize(
    "words", [["show"], ["log"], ["select"], ["cat"], ["runs", "rm", "-y"], ["restart"], ["watch"]]
)
def test_who_asks_for_a_deleted_run_is_told_how_to_have_it_back(tmp_path, home, words):
    gage("runs", "rm", "2", "-y", cwd=tmp_path)
    file = ["train.py"] if words == ["cat"] else []
    told = gage(*words, "0002", *file, cwd=tmp_path)
    assert told.err.split(": ", 1)[1] == (
        "0002: no such run\nhint: it is deleted: gage runs restore 00020002\n"
    )
    assert told.code == (125 if words[0] in ("restart", "watch") else 10)


def test_of_several_deleted_runs_the_list_is_named_and_of_too_little_nothing(tmp_path, home):
    gage("runs", "rm", "-n", "9", "-y", cwd=tmp_path)
    assert "deleted" not in gage("show", "0", cwd=tmp_path).err
    other = os.path.join(home, write_run(home, 2))
    for end in ("", ".meta"):
        os.rename(other + end, os.path.join(home, f"0002{'f' * 28}{end}"))
    assert gage("runs", "rm", "1", "-y", cwd=tmp_path).code == 0
    told = gage("show", "0002", cwd=tmp_path)
    assert told.err.endswith("hint: these are deleted: gage runs -d lists them\n")
    assert "deleted" not in gage("runs", "restore", "00ff", cwd=tmp_path).err


def test_a_terminal_is_told_what_was_done_and_a_pipe_never(tmp_path, home):
    done = {"rm": "deleted", "restore": "restored", "purge": "purged"}
    run = write_run(home, 0xAB, "eval", config={"lr": 0.2}, given=["lr"])[:8]
    for verb in ("rm", "restore", "rm", "purge"):
        words = ["runs", verb, run, *([] if verb == "restore" else ["-y"])]
        shown, code = gage_on_terminal(*words, cwd=tmp_path)
        assert (shown, code) == (f"{done[verb]}  00ab00ab  eval  lr=0.2\n", 0)
    for words in (["rm", "1-2", "-y"], ["restore", "1"], ["purge", "1", "-y"]):
        assert gage("runs", *words, cwd=tmp_path) == ("", "", 0)


def test_what_was_done_fits_the_line_and_does_not_steer_the_terminal(tmp_path, home):
    gage("runs", "label", "\x1b[2J" + "x" * 99, cwd=tmp_path)
    shown, _ = gage_on_terminal("runs", "rm", "1", "-y", cwd=tmp_path, columns=50)
    assert shown == f"deleted  00030003  train  \\x1b[2J{'x' * 16}…\n"


@pytest.mark.parametrize("words", [["runs", "rm", "-y"], ["report"], ["runs", "label", "x"]])
def test_a_limit_that_leaves_no_run_is_said(tmp_path, home, words):
    told = gage(*words, "-n", "0", cwd=tmp_path)
    assert ": -n 0 leaves no run" in told.err
    assert (told.out, told.code) == ("", 2)


def test_a_step_of_a_pipeline_that_runs_is_neither_deleted_nor_reopened(tmp_path):
    project = Project(
        tmp_path,
        "ok: {exec: 'true'}\n"
        "slow: {exec: 'touch ready; exec sleep 60'}\n"
        "all: {steps: [ok, slow]}\n",
    )
    runner = begun("gage", "run", "-y", "all", cwd=project.path)
    wait_until(
        lambda: project.rows("slow") and os.path.exists(f"{project.rows('slow')[0].run_dir}/ready")
    )
    step, whole = project.newest("ok"), project.newest("all")
    for words in (["gage", "runs", "rm", "-y", step.id], ["gage-reopen", step.run_dir]):
        told = program(*words, cwd=project.path)
        assert told.code == 11
        assert f"a step of {whole.run_dir}, which is running\nhint: gage runs stop" in told.err
    runner.terminate()
    runner.wait()
    assert program("gage", "runs", "rm", "-y", step.id, cwd=project.path).code == 0


def test_a_run_that_is_running_is_not_deleted_and_what_stops_it_is_told(tmp_path):
    project = Project(tmp_path, 'op: {exec: "echo > ready; exec sleep 60"}\n')
    runner = begun("gage", "run", "-y", "op", cwd=project.path)
    wait_until(
        lambda: project.rows("op") and os.path.exists(f"{project.rows('op')[0].run_dir}/ready")
    )
    run = project.newest("op")
    told = project.gage("runs", "rm", "-y", "op")
    runner.terminate()
    runner.wait()
    assert told.err == (
        f"gage runs rm: {run.run_dir}: still running\nhint: gage runs stop {run.name}\n"
    )
    assert told.code == 11
