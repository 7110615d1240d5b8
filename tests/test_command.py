import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.command import check_command, is_script, operation_command, phase_command
from gage.errors import ConfigError
from gage.opdef import Command, OpCmd, OpDef
from gage.scalar import Scalar


def command(exec: Command, config: dict[str, Scalar]) -> Command:
    return operation_command(OpDef("train", {"exec": exec}), config).args


def test_values_take_their_places() -> None:
    opdef = OpDef(
        "train",
        {"exec": "train ${lr} ${on} ${none}", "env": {"LR": "<${lr}>", "N": 2, "Y": True}},
    )
    config: dict[str, Scalar] = {"lr": 0.1, "on": True, "none": None}
    assert operation_command(opdef, config) == OpCmd(
        "train 0.1 yes ''", {"LR": "<0.1>", "N": "2", "Y": "yes"}
    )


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_in_a_list_a_value_stays_one_argument(value: str) -> None:
    assert command(["a", "--x=${x}", "$${x}"], {"x": value}) == ["a", f"--x={value}", "${x}"]


def test_an_undefined_name_is_told_its_neighbours() -> None:
    with pytest.raises(ConfigError, match=r"train: \$\{leraning\}: no such flag") as raised:
        command("x ${leraning}", {"learning": 1})
    assert raised.value.hint == "did you mean learning?"
    with pytest.raises(ConfigError) as raised:
        command("x ${HOME}", {})
    assert raised.value.hint.startswith("a variable of the shell is written $${HOME} or")


def test_nul_never_reaches_a_command() -> None:
    with pytest.raises(ConfigError, match="NUL"):
        command(["${x}"], {"x": "a\0"})
    with pytest.raises(ConfigError, match="NUL"):
        operation_command(OpDef("a", {"exec": "a", "env": {"X": "${x}"}}), {"x": "a\0"})


def test_a_phase_without_a_command_is_none() -> None:
    opdef = OpDef("a", {"exec": {"run": "r", "finalize": ["f", "${x}"]}})
    assert phase_command(opdef, "finalize", {"x": 1}) == ["f", "1"]
    assert phase_command(opdef, "stage-runtime", {}) is None


def test_the_command_of_a_pipeline_is_to_run_its_steps() -> None:
    cmd = operation_command(OpDef("pipe", {"steps": ["a"]}), {})
    assert cmd.args == ["gage-run-steps", "."]


def test_an_operation_without_a_command_cannot_run() -> None:
    with pytest.raises(ConfigError, match="pipe: has no command"):
        operation_command(OpDef("pipe", {}), {})


@pytest.mark.parametrize("first", ["#!/bin/sh", "#! /bin/bash -e", "#!/usr/bin/env -S dash -e"])
def test_a_script_of_the_shell_takes_values(tmp_path: object, first: str) -> None:
    args = command(f"{first}\nprintf %s ${{x}}\n", {"x": "$(echo no)'\n"})
    assert isinstance(args, str)
    assert is_script(args)
    path = os.path.join(str(tmp_path), "script")
    with open(path, "w", encoding="utf-8") as file:
        file.write(args)
    assert subprocess.check_output(["sh", path]) == b"$(echo no)'\n"


@pytest.mark.parametrize("first", ["#!/usr/bin/python3", "#!/usr/bin/env node", "#!"])
def test_a_script_of_another_program_takes_none(first: str) -> None:
    with pytest.raises(ConfigError, match="not for the shell") as raised:
        command(f"{first}\nprint(${{my-x}})", {"my-x": 1})
    assert raised.value.hint.startswith("read FLAG_MY_X from the environment")
    assert command(f"{first}\n`$${{x}}`", {}) == f"{first}\n`${{x}}`"


def test_the_program_of_a_script_is_not_made_of_values() -> None:
    with pytest.raises(ConfigError, match="line of the program"):
        command("#!/bin/${x}\n", {"x": "sh"})


def test_a_list_is_no_script() -> None:
    assert not is_script(["#!x"])


def test_a_command_can_be_checked_before_its_values_are_known() -> None:
    check_command("echo ${x} $((${x}))")
    check_command(["${any}"])
    with pytest.raises(ConfigError, match="stands"):
        check_command("echo `echo '${x}'`")
