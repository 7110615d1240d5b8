"""What Python is called on a PATH that has both names, one of them, or none."""

import os

import pytest

from gage.gage_file import file_operation
from gage.python_name import misnamed_python, python_name


@pytest.fixture
def path_with(tmp_path):
    """Makes the variables of a PATH with programs of these names alone."""

    def made(*names: str) -> dict[str, str]:
        folder = tmp_path / "-".join(["bin", *names])
        folder.mkdir()
        for name in names:
            (folder / name).write_text("#!/bin/sh\n")
            os.chmod(folder / name, 0o755)
        return {"PATH": str(folder)}

    return made


@pytest.mark.parametrize(
    ("there", "name"),
    [
        (["python", "python3"], "python"),
        (["python"], "python"),
        (["python3"], "python3"),
        ([], "python"),
    ],
)
def test_python_is_python3_only_where_that_alone_is_there(path_with, there, name):
    assert python_name(path_with(*there)) == name


def test_a_script_is_run_by_the_python_that_is_there(path_with, tmp_path, monkeypatch):
    (tmp_path / "t.py").write_text("print(1)\n")
    monkeypatch.setenv("PATH", path_with("python3")["PATH"])
    _, opdef = file_operation(str(tmp_path / "t.py"), str(tmp_path))
    assert opdef.data["exec"] == ["python3", "t.py"]


@pytest.mark.parametrize(
    "args", [["python", "t.py"], "python t.py", "cd src && python t.py", "x=$(python -V)"]
)
def test_a_command_with_the_other_name_is_told_so(path_with, args):
    assert "python3 is" in misnamed_python(args, path_with("python3"))
    assert misnamed_python(args, path_with()) == ""
    assert misnamed_python(args, path_with("python", "python3")) == ""


@pytest.mark.parametrize("args", [["python3", "t.py"], ["sh", "python"], "./python x", "cpython"])
def test_a_command_that_names_no_python_is_not(path_with, args):
    assert misnamed_python(args, path_with("python3")) == ""
