import os

from tests.nobody import ordinary_place
from tests.porcelain.place import gage, gage_on_terminal, put, write_run, write_steps
from tests.programs import program


def here(directory, **more):
    """What gage alone says of the place that it is called in."""
    told = gage(cwd=directory, **more)
    assert (told.code, told.err) == (0, "")
    return told.out.partition("opens the page of a command.\n")[2]


def test_in_an_empty_directory_the_first_steps_are_told(tmp_path):
    assert here(tmp_path) == (
        "\nNo gage file yet, here or above:\n"
        "  gage run SCRIPT  runs a script as it is\n"
        "  gage new         writes a gage.yaml for what is here\n"
    )


def test_a_script_of_any_name_is_called_as_a_shell_takes_it(tmp_path):
    (tmp_path / "my train.py").write_text("")
    assert "  gage run 'my train.py'  runs a script as it is\n" in here(tmp_path)


def test_what_cannot_be_looked_at_is_said(tmp_path):
    with ordinary_place() as place:
        home = os.path.join(place, ".gage", "runs")
        os.makedirs(home)
        os.chmod(home, 0)
        assert here(place) == f"\n{os.path.realpath(home)}: Permission denied.\n"
    gone = tmp_path / "gone"
    gone.mkdir()
    told = program("sh", "-c", 'rmdir "$PWD"; exec gage', cwd=str(gone))
    assert told.out.endswith("\n\nthe current directory is gone.\n")
    assert told.code == 0


def test_a_script_that_is_there_is_named(tmp_path):
    put(str(tmp_path / "train.py"), b"print(1)\n")
    assert "  gage run train.py  runs a script as it is\n" in here(tmp_path)


def test_in_a_project_its_operations_are_what_can_be_run(tmp_path):
    text = "train: {exec: t, default: yes, description: Train it}\neval: {exec: e}\n"
    put(str(tmp_path / "gage.yaml"), text.encode())
    assert here(tmp_path) == (
        "\nIn gage.yaml:\n  gage run train  Train it (default)\n  gage run eval\n"
        "  gage ops -v shows their flags\n"
    )
    put(str(tmp_path / "gage.yaml"), b"".join(b"a%d: {exec: e}\n" % n for n in range(12)))
    assert here(tmp_path).endswith("  gage run a9\n  and 2 more; gage ops lists them\n")


def test_the_last_runs_are_shown_and_how_a_failed_one_is_taken_up(tmp_path):
    home = str(tmp_path / ".gage" / "runs")
    for number in range(1, 5):
        write_run(home, number, exit=int(number == 4))
    said = here(tmp_path)
    assert "\nThe last runs:\n  [1]  00040004  train  2025-11-21 16:00:00  error" in said
    assert "[3]" in said and "[4]" not in said
    assert said.endswith(
        "  gage restart -n 00040004  takes it up where it failed\n"
        "  gage log 00040004         shows what it wrote\n"
    )
    write_run(home, 5)
    assert "restart" not in here(tmp_path)


def test_a_step_that_failed_is_taken_up_with_its_pipeline(tmp_path):
    home = str(tmp_path / ".gage" / "runs")
    parent, *steps = write_steps(home)
    for step in steps:
        put(os.path.join(home, f"{step}.meta", "parent"), parent.encode() + b"\n")
    said = here(tmp_path)
    # The number is that of gage runs, which lists the steps, too.
    assert f"\nThe last run:\n  [3]  {parent[:8]}  m1:steps-restart" in said
    assert f"gage restart -n {parent[:8]}  takes it up" in said


def test_a_staged_run_is_to_be_started(tmp_path):
    write_run(str(tmp_path / "home"), 1, exit=None)
    said = here(tmp_path, env={"GAGE_RUNS": str(tmp_path / "home")})
    assert said.endswith("  gage run --start 00010001  starts it\n")


def test_on_a_terminal_no_line_is_longer_than_it(tmp_path):
    home = str(tmp_path / ".gage" / "runs")
    write_run(home, 1, config={"x": "y" * 200}, given=["x"])
    shown, code = gage_on_terminal(cwd=tmp_path, columns=60, env={"NO_COLOR": "1"})
    assert code == 0
    assert max(map(len, shown.split("The last run:")[1].split("\n"))) <= 60
