"""Which programs gage starts, and which modules it imports: none that lie in a project."""

import os
import re
import subprocess

import pytest

from gage.programs import find_program
from tests.place import ROOT, SCRIPTS
from tests.programs import program, write

PATHS = (
    ":/usr/bin:/bin",
    "/usr/bin:/bin:",
    ".:/usr/bin:/bin",
    "./bin:/usr/bin:/bin",
    "bin:/usr/bin:/bin",
)
MODULES = ("yaml", "json", "sitecustomize", "usercustomize", "typer", "gage", "blake3", "pathspec")


@pytest.fixture
def hostile(tmp_path):
    """A project that brings programs and modules of its own; to run one leaves a canary."""
    canary = f"{tmp_path}/canary"
    here = f"{tmp_path}/project"
    script = f"#!/bin/sh\necho $0 >> {canary}\n"
    for folder in ("", "bin/"):
        for name in ("gage-foo", "gage-status", "git", "man", "mandoc", "less", "sh", "python"):
            write(f"{here}/{folder}{name}", script, 0o755)
    for name in MODULES:
        write(f"{here}/{name}.py", f"open({canary!r}, 'a').write({name!r})\n")
    write(f"{here}/gage.yaml", "hello: {exec: [/bin/echo, hello]}\nall: {steps: [hello]}\n")
    os.mkdir(f"{here}/.git")
    return here, canary


@pytest.mark.parametrize("path", PATHS)
def test_what_lies_in_the_current_directory_is_no_program(hostile, path, monkeypatch):
    here, canary = hostile
    monkeypatch.chdir(here)
    assert find_program("gage-foo", {"PATH": path}) is None
    assert find_program("sh", {"PATH": path}) in ("/usr/bin/sh", "/bin/sh")
    told = program(f"{SCRIPTS}/gage", "foo", cwd=here, env={"PATH": path})
    assert (told.code, told.err) == (2, "gage: foo: no such command\nhint: gage help lists them\n")
    assert program(f"{SCRIPTS}/gage", "help", "run", cwd=here, env={"PATH": path}).code == 0
    assert program(f"{SCRIPTS}/gage", "run", "hello", "-y", cwd=here, env={"PATH": path}).code == 0
    assert not os.path.exists(canary)


def test_a_command_of_gage_itself_goes_before_a_program(hostile, tmp_path):
    here, canary = hostile
    assert program("gage", "run", "hello", "-y", cwd=here).code == 0
    env = {"PATH": f"{here}:{SCRIPTS}:/usr/bin:/bin"}
    assert program(f"{SCRIPTS}/gage", "status", "none", cwd=here, env=env).code == 10
    assert not os.path.exists(canary)


def test_no_module_of_a_project_is_imported(hostile):
    here, canary = hostile
    assert program("gage", "run", "all", "-y", cwd=here).out == "hello\n"
    run = f"{here}/runs/one"
    for words in (
        ("gage-init", "runs/one", "hello"),
        ("gage-stage", run),
        ("gage-exec", run),
        ("gage-finalize", run),
        ("gage-reopen", run),
        ("gage-manifest", run),
        ("gage-ls-runs", "--filter", "status = completed"),
        ("gage", "runs", "--json"),
        ("gage", "show"),
        ("gage", "check"),
        ("gage", "ops", "-v"),
    ):
        told = program(*words, cwd=here)
        assert told.code == 0, (words, told)
    assert not os.path.exists(canary)


def test_git_runs_nothing_that_the_repository_says(tmp_path):
    here, canary = f"{tmp_path}/project", f"{tmp_path}/canary"
    write(f"{here}/gage.yaml", "hello: echo hello\n")
    write(f"{here}/ignored.txt", "x\n")
    write(f"{here}/.gitignore", "ignored.txt\n")
    git = ["git", "-C", here]
    subprocess.run([*git, "init", "-q"], check=True)
    script = write(f"{tmp_path}/canary.sh", f"#!/bin/sh\necho $0 >> {canary}\n", 0o755)
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "core.editor",
        "core.pager",
        "diff.external",
        "core.alternateRefsCommand",
        "filter.x.clean",
        "filter.x.process",
        "credential.helper",
        "uploadpack.packObjectsHook",
    ):
        subprocess.run([*git, "config", key, script], check=True)
    for alias in ("ls-files", "check-ignore"):
        subprocess.run([*git, "config", f"alias.{alias}", f"!{script}"], check=True)
    write(f"{here}/.gitattributes", "* filter=x\n")
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-auto-gc"):
        write(f"{here}/.git/hooks/{hook}", f"#!/bin/sh\necho $0 >> {canary}\n", 0o755)
    told = program("gage", "run", "hello", "-y", cwd=here, env={"GIT_DIR": "/nowhere"})
    assert told.out == "hello\n"
    listed = program("gage", "ls", "-n", cwd=here).out.split()
    assert "gage.yaml" in listed and "ignored.txt" not in listed
    assert not os.path.exists(canary)


def test_nothing_makes_code_of_data():
    forbidden = re.compile(
        r"\b(pickle|marshal|shelve|dill|os\.system|os\.popen|mktemp|shell=True|yaml\.(unsafe_)?load\b"
        r"|extractall|__import__)|(?<![\w.])(eval|exec)\("
    )
    found = []
    for folder, _, files in os.walk(os.path.join(ROOT, "gage")):
        for name in files:
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    found += [f"{name}: {line}" for line in file if forbidden.search(line)]
    assert found == []
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        assert re.search(r'select = \[[^]]*"S"', file.read())
