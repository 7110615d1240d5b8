import os
import stat

import pytest

from gage.errors import ConfigError, NotFoundError, SystemRefusedError
from gage.home import find_home, make_project_home
from tests.nobody import ordinary_place

GAGE_FILE = "train: python train.py\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_named_goes_before_the_environment_and_that_before_the_gage_file(place):
    (place / "gage.yaml").write_text(GAGE_FILE + "$runs-dir: there\n")
    environ = {"GAGE_RUNS": "mine"}
    assert find_home("named/", ".", environ) == "named"
    assert find_home(None, ".", environ) == "mine"
    assert os.path.realpath(find_home(None, ".", {"GAGE_RUNS": ""})) == str(place / "there")


def test_it_is_beside_the_gage_file_found_upwards(place):
    (place / "gage.yaml").write_text(GAGE_FILE)
    (place / "a" / "b").mkdir(parents=True)
    home = find_home(None, "a/b", {})
    assert os.path.realpath(home) == str(place / ".gage" / "runs")


def test_without_a_gage_file_it_is_in_the_current_directory(place):
    assert find_home(None, ".", {}) == ".gage/runs"
    assert not (place / ".gage").exists()


def test_names_are_relative_to_where_the_command_works(place):
    (place / "sub").mkdir()
    assert find_home("r", "sub", {}) == "sub/r"
    assert find_home(None, "sub", {"GAGE_RUNS": "r"}) == "sub/r"
    assert find_home("/abs", "sub", {}) == "/abs"
    assert find_home(None, "sub", {}) == "sub/.gage/runs"


def test_a_gage_file_that_makes_no_sense_is_said_only_where_it_matters(place):
    (place / "gage.yaml").write_text("$runs-dir: there\ntrain: [")
    assert find_home("r", ".", {}) == "r"
    with pytest.raises(ConfigError):
        find_home(None, ".", {})


@pytest.mark.parametrize("text", ["train: [", "train: {exce: x}\n", "a: 1\na: 2\n"])
def test_a_gage_file_that_makes_no_sense_and_names_no_home_hides_no_runs(place, text):
    (place / "gage.yaml").write_text(text)
    (place / "sub").mkdir()
    assert os.path.realpath(find_home(None, "sub", {})) == str(place / ".gage" / "runs")


def test_a_gage_file_of_somebody_else_is_not_looked_into_for_a_home(place, monkeypatch):
    (place / "gage.yaml").write_text("train: [")
    monkeypatch.setattr("gage.trust.believed", lambda environ: set())
    with pytest.raises(ConfigError, match="belongs to"):
        find_home(None, ".", {})


def test_a_command_cannot_work_where_there_is_no_directory(place):
    with pytest.raises(NotFoundError):
        find_home("r", "none", {})


def test_a_home_is_made_closed_and_ignored_once(place):
    make_project_home("p/.gage/runs")
    assert stat.S_IMODE(os.stat("p/.gage/runs").st_mode) == 0o700
    ignored = place / "p/.gage/runs/.gitignore"
    assert ignored.read_text() == "*\n"
    ignored.write_text("mine\n")
    make_project_home("p/.gage/runs")
    assert ignored.read_text() == "mine\n"


@pytest.mark.parametrize("made", ["", ".gage", ".gage/runs", ".gage/runs/.gitignore"])
def test_a_home_that_cannot_be_written_to_is_named_with_a_way_out(made):
    with ordinary_place() as place:
        home = os.path.join(place, ".gage", "runs")
        if made.endswith(".gitignore"):
            make_project_home(home)
        elif made:
            os.makedirs(os.path.join(place, made))
        os.chmod(os.path.join(place, os.path.dirname(made) if "git" in made else made), 0o555)
        with pytest.raises(SystemRefusedError) as caught:
            make_project_home(home)
    assert caught.value.message == f"{home}: no run can be kept here: Permission denied"
    assert caught.value.hint == "--runs DIR keeps them elsewhere"
