"""Values that are made to be run: they reach the process as they are, and nothing else runs."""

import json
import os
import shlex

import pytest

from gage.config import read_config
from gage.scalar import format_value
from tests.hostile import NAMES, VALUES
from tests.programs import program, write
from tests.test_shell_text import SHELLS

NOT_UTF8 = "a\udcff'$(touch canary)"

DUMP = """\
import json, os, sys
kind, *argv = sys.argv[1:]
if kind == "py":
    import conf
    values = {n: v for n, v in vars(conf).items() if n.startswith("f")}
elif kind == "json":
    values = json.load(open("conf.json", encoding="utf-8"))
elif kind == "toml":
    import tomllib
    values = tomllib.load(open("conf.toml", "rb"))
elif kind == "yaml":
    import yaml
    values = yaml.safe_load(open("conf.yaml", "rb"))
elif kind == "ipynb":
    cells = json.load(open("conf.ipynb", encoding="utf-8"))["cells"]
    values = {}
    exec("".join(cells[0]["source"]), values)
    values = {n: v for n, v in values.items() if n.startswith("f")}
else:
    values = None
env = {n: v for n, v in os.environ.items() if n.startswith("FLAG_")}
json.dump({"argv": argv, "env": env, "config": values}, open("seen.json", "w"))
"""


def config_file(kind: str, names: list[str]) -> str:
    """A file of config in which all *names* are strings."""
    if kind == "json":
        return json.dumps(dict.fromkeys(names, "old"))
    if kind == "ipynb":
        source = [f'{name} = "old"\n' for name in names]
        cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}
        return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})
    equals = ": " if kind == "yaml" else " = "
    quotes = ['"old"', "'old'"] + ["old", "|\n  old"] * (kind == "yaml")
    quotes += ['"""old"""', "'''old'''"] * (kind in ("toml", "py"))
    return "".join(f"{n}{equals}{quotes[i % len(quotes)]}\n" for i, n in enumerate(names))


def seen(project: str, exec: object, values: list[str], config: str = "") -> dict[str, object]:
    """What a process saw that was run by the program gage with all *values* as flags."""
    names = [f"f{i}" for i in range(len(values))]
    operation = {"exec": exec, "sourcecode": "**"}
    if config:
        write(os.path.join(project, f"conf.{config}"), config_file(config, names))
        operation |= {"config": f"conf.{config}"}
    else:
        operation |= {"flags": {name: {"type": "string"} for name in names}}
    write(os.path.join(project, "dump.py"), DUMP)
    write(os.path.join(project, "gage.json"), json.dumps({"t": operation}))
    words = [f"{name}={format_value(v)}" for name, v in zip(names, values, strict=True)]
    words = [os.fsencode(word) for word in words]
    told = program("gage", "run", "-y", "--run-dir", "../run", "t", *words, cwd=project)
    assert (told.code, told.err) == (0, "")
    with open(os.path.join(project, "..", "run", "seen.json"), encoding="utf-8") as file:
        found: dict[str, object] = json.load(file)
    return found


def canaries(top: object) -> list[str]:
    """The files below *top* that a value, taken for a command, would have made."""
    return [folder for folder, _, files in os.walk(str(top)) if "canary" in files]


@pytest.fixture
def project(tmp_path: object) -> str:
    return os.path.dirname(write(os.path.join(str(tmp_path), "project", "x"), ""))


def test_there_are_over_300_values() -> None:
    assert len(VALUES) > 300


@pytest.mark.parametrize("kind", ["py", "yaml", "json", "toml", "ipynb"])
def test_a_list_the_environment_and_every_format_of_config_have_the_very_values(
    tmp_path: object, project: str, kind: str
) -> None:
    values = VALUES + ([NOT_UTF8] if kind not in ("yaml", "toml") else [])
    exec = ["python", "dump.py", kind, *(f"${{f{i}}}" for i in range(len(values)))]
    found = seen(project, exec, values, kind)
    assert found["argv"] == values
    assert found["env"] == {f"FLAG_F{i}": value for i, value in enumerate(values)}
    assert found["config"] == {f"f{i}": value for i, value in enumerate(values)}
    assert canaries(tmp_path) == []


@pytest.mark.parametrize("begin", ["", *(f"#!/usr/bin/env {shell}\n" for shell in SHELLS)])
def test_a_shell_hands_on_the_very_values_in_whatever_quotes_they_stand(
    tmp_path: object, project: str, begin: str
) -> None:
    values = [*VALUES, NOT_UTF8]
    words = ["${@}", '"${@}"', "'${@}'", "''${@}\"\"", '"$(: ${@})"${@}', "$(: '${@}')${@}"]
    text = " ".join(words[i % len(words)].replace("@", f"f{i}") for i in range(len(values)))
    comments = "".join(f"# ${{f{i}}}\n" for i in range(len(values)))
    found = seen(project, f"{begin}{comments}exec python dump.py none {text}", values)
    assert found["argv"] == values
    assert found["env"] == {f"FLAG_F{i}": value for i, value in enumerate(values)}
    assert canaries(tmp_path) == []


def test_the_variables_of_an_operation_have_the_very_values(tmp_path: object, project: str) -> None:
    operation = {
        "exec": ["sh", "-c", 'printf %s "$V" > seen'],
        "env": {"V": "".join(f"<${{f{i}}}>" for i in range(len(VALUES)))},
        "flags": {f"f{i}": {"type": "string"} for i in range(len(VALUES))},
    }
    write(os.path.join(project, "gage.json"), json.dumps({"t": operation}))
    words = [f"f{i}={format_value(value)}" for i, value in enumerate(VALUES)]
    assert program("gage", "run", "-y", "--run-dir", "../r", "t", *words, cwd=project).code == 0
    with open(os.path.join(str(tmp_path), "r", "seen"), encoding="utf-8", newline="") as file:
        assert file.read() == "".join(f"<{value}>" for value in VALUES)
    assert canaries(tmp_path) == []


def test_a_step_has_the_very_values_of_its_pipeline(tmp_path: object, project: str) -> None:
    values = VALUES[::5]
    flags = {f"f{i}": {"type": "string"} for i in range(len(values))}
    step = "t " + " ".join(f"f{i}=${{f{i}}}" for i in range(len(values)))
    exec = ["sh", "-c", 'printf "%s\\0" "$@" > "$SEEN"', "x", *(f"${{{f}}}" for f in flags)]
    write(
        os.path.join(project, "gage.json"),
        json.dumps({"t": {"exec": exec, "flags": flags}, "p": {"steps": [step], "flags": flags}}),
    )
    words = [f"f{i}={format_value(value)}" for i, value in enumerate(values)]
    env = {"SEEN": os.path.join(str(tmp_path), "seen")}
    assert program("gage", "run", "-y", "p", *words, cwd=project, env=env).code == 0
    with open(env["SEEN"], encoding="utf-8", newline="") as file:
        assert file.read().split("\0")[:-1] == values
    assert canaries(tmp_path) == []


def test_the_printed_script_runs_nothing_but_the_operation(tmp_path: object, project: str) -> None:
    flags = {f"f{i}": {"type": "string"} for i in range(len(VALUES))}
    exec = ["sh", "-c", 'printf "%s\\0" "$@" > "$SEEN"', "x", *(f"${{{f}}}" for f in flags)]
    write(os.path.join(project, "gage.json"), json.dumps({"t": {"exec": exec, "flags": flags}}))
    words = [f"f{i}={format_value(value)}" for i, value in enumerate(VALUES)]
    label = "-l" + VALUES[0] + "'\"$(touch canary)`touch canary`"
    script = program("gage", "run", "--print", label, "t", *words, cwd=project).out
    env = {"SEEN": os.path.join(str(tmp_path), "seen")}
    told = program("sh", "-s", cwd=str(tmp_path), input=script, env=env)
    assert (told.code, told.err) == (0, "")
    with open(env["SEEN"], encoding="utf-8", newline="") as file:
        assert file.read().split("\0")[:-1] == VALUES
    assert canaries(tmp_path) == []


def test_files_may_be_called_whatever_a_shell_would_run(tmp_path: object, project: str) -> None:
    for name in NAMES:
        write(os.path.join(project, name + ".py"), "open('seen', 'w').write(__file__)\n")
    for name in NAMES[::12]:
        for word in (f"./{name}.py", f"{name}.py"):
            if word.startswith("-") or "=" in word:
                continue  # an option, and a value
            run = os.path.join(str(tmp_path), "run")
            told = program("gage", "run", "-y", "--run-dir", run, word, cwd=project)
            assert told.code == 0, told
            with open(os.path.join(run, "seen"), encoding="utf-8") as file:
                assert os.path.basename(file.read()) == f"{name}.py"
            assert set(os.listdir(run)) == {f"{n}.py" for n in NAMES} | {"seen", "x"}
            program("rm", "-rf", run, run + ".meta", cwd=project)
    assert canaries(tmp_path) == []


def test_steps_labels_and_tags_may_be_called_whatever_a_shell_would_run(
    tmp_path: object, project: str
) -> None:
    flags = {"x": {"type": "string"}}
    steps = [
        {
            "run": "t --label " + shlex.quote(name),
            "name": name,
            "flags": {"x": name.replace("$", "$$")},
        }
        for name in NAMES[::2]
    ]
    write(
        os.path.join(project, "gage.json"),
        json.dumps({"t": {"exec": ["true"], "flags": flags}, "p": {"steps": steps}}),
    )
    words = ("-y", "-l", NAMES[0], "-t", NAMES[1].replace(" ", "_"), "-j", "2")
    told = program("gage", "run", *words, "p", cwd=project)
    assert told.code == 0, told.err
    rows = program("gage", "runs", "--json", cwd=project).out.splitlines()
    assert {json.loads(row).get("label") for row in rows} == set(NAMES[::2])
    assert canaries(tmp_path) == []


def test_reading_config_never_runs_it(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    write("a.py", "x = __import__('os').system('touch canary')\ny = 1\n@print\ndef f(): pass\n")
    write("a.yaml", "x: 1\ny: !!python/object/apply:os.system ['touch canary']\n")
    assert set(read_config(".", ["a.py#y", "a.yaml#x"])) == {"y", "x"}
    assert canaries(tmp_path) == []
