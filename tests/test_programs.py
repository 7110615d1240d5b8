"""Which programs gage starts, and which modules it imports: none that lie in a project."""

import os
import re
import subprocess

import pytest

from gage.ignored import list_ignored
from gage.programs import find_program
from tests.nobody import NOBODY
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


def partial_clone(here, canary):
    """A repository in *here* that lacks an object, and says with which program to fetch it."""
    subprocess.run(["git", "init", "-q", here], check=True)
    script = write(f"{canary}.sh", f"#!/bin/sh\necho $0 >> {canary}\n", 0o755)
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": here,
        "remote.origin.uploadpack": script,
        "remote.origin.promisor": "true",
        "remote.origin.partialCloneFilter": "blob:none",
    }.items():
        subprocess.run(["git", "-C", here, "config", key, value], check=True)
    update = ["git", "-C", here, "update-index"]
    entry = f"100644,{'1' * 40},.gitignore"
    subprocess.run([*update, "--add", "--cacheinfo", entry], check=True)
    subprocess.run([*update, "--skip-worktree", ".gitignore"], check=True)


def test_git_fetches_nothing_that_a_repository_lacks(tmp_path):
    here, canary = f"{tmp_path}/project", f"{tmp_path}/canary"
    write(f"{here}/gage.yaml", "hello: echo hello\n")
    partial_clone(here, canary)
    words = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory"]
    subprocess.run(["git", "-C", here, *words], capture_output=True)
    assert os.path.exists(canary)  # Git left to itself does
    os.unlink(canary)
    assert program("gage", "run", "hello", "-y", cwd=here).out == "hello\n"
    assert not os.path.exists(canary)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", ["", ".git"])
def test_git_is_not_asked_about_a_repository_of_another_user(tmp_path, monkeypatch, part):
    here = f"{tmp_path}/project"
    write(f"{here}/info", "ignored.txt\n")
    subprocess.run(["git", "init", "-q", here], check=True)
    os.rename(f"{here}/info", f"{here}/.git/info/exclude")
    write(f"{here}/ignored.txt", "x\n")
    # Where it is told to, Git itself would answer.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    write(f"{os.environ['HOME']}/.gitconfig", "[safe]\n\tdirectory = *\n")
    assert list_ignored(here) == ["ignored.txt"]
    os.chown(os.path.join(here, part), NOBODY, NOBODY)
    assert list_ignored(here) is None
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    assert list_ignored(here) == ["ignored.txt"]
    monkeypatch.delenv("SUDO_UID")
    monkeypatch.setenv("GAGE_TRUST", "1")
    assert list_ignored(here) == ["ignored.txt"]


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
