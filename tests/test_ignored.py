"""What Git ignores is what Git says; elsewhere .gitignore files are read as Git reads them."""

import os
import shutil
import subprocess

import pytest

from gage.dirs import Dirs, walk
from gage.ignored import Ignored, list_ignored


def git(place, *args):
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", place, *args],
        check=True,
        capture_output=True,
    )


def fill(root, files):
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        with open(
            os.path.join(root, path), "w", encoding="utf-8", errors="surrogateescape"
        ) as file:
            file.write(text)


def kept(root):
    """The files of *root* that are not ignored, .gitignore files aside."""
    ignored = Ignored(str(root))
    found = []

    def fail(path, error):
        raise error

    with Dirs(str(root)) as dirs:
        for place in walk(dirs, fail):
            names = {entry.name for entry in place.files}.union(place.folders)
            prefix = place.path + "/" if place.path else ""
            ignored.enter(place.path, place.fd, names)
            place.folders[:] = [
                name for name in place.folders if name != ".git" and not ignored(f"{prefix}{name}/")
            ]
            found += [
                prefix + entry.name for entry in place.files if not ignored(prefix + entry.name)
            ]
    return sorted(path for path in found if not path.endswith((".gitignore", ".git")))


FILES = {
    ".gitignore": "*.log\n/build/\nall/*\n!all/but\nwith space\\ \n\\#odd\n# comment\n*.tmp\n",
    "a.py": "",
    "a.log": "",
    "build/x": "",
    "lib/build/x": "",
    "all/of": "",
    "all/but": "",
    "with space ": "",
    "#odd": "",
    "deep/.gitignore": "!*.log\nsecret\n/only-here\n",
    "deep/a.log": "",
    "deep/er/secret": "",
    "deep/er/only-here": "",
    "deep/only-here": "",
    "logs/only.log": "",
    "new\nline/x.log": "",
    "new\nline/x.py": "",
    b"\xff.tmp".decode("utf-8", "surrogateescape"): "",
    b"\xff.py".decode("utf-8", "surrogateescape"): "",
}
KEPT = sorted(
    [
        "a.py",
        "all/but",
        "deep/a.log",
        "deep/er/only-here",
        "lib/build/x",
        "new\nline/x.py",
        b"\xff.py".decode("utf-8", "surrogateescape"),
    ]
)


@pytest.mark.parametrize("with_git", [True, False])
def test_gitignore_files_mean_the_same_with_git_and_without(tmp_path, with_git):
    fill(tmp_path, FILES)
    if with_git:
        git(tmp_path, "init", "-q")
    assert kept(tmp_path) == KEPT


def test_what_is_tracked_is_never_ignored(tmp_path):
    fill(
        tmp_path,
        {".gitignore": "*.log\ndir/\n", "a.log": "", "b.log": "", "dir/x": "", "dir/y": ""},
    )
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-f", "a.log", "dir/x")
    assert kept(tmp_path) == ["a.log", "dir/x"]


def test_a_project_may_be_a_part_of_a_work_tree(tmp_path):
    fill(
        tmp_path,
        {
            ".gitignore": "*.log\n/project/out/\n",
            "project/a.log": "",
            "project/a": "",
            "project/out/x": "",
        },
    )
    git(tmp_path, "init", "-q")
    assert kept(tmp_path / "project") == ["a"]


def test_a_directory_of_which_all_files_are_ignored_is_not_ignored_itself(tmp_path):
    fill(tmp_path, {".gitignore": "*.log\n", "project/a.log": "", "project/in/b.log": ""})
    git(tmp_path, "init", "-q")
    assert list_ignored(str(tmp_path / "project")) == ["a.log", "in/b.log"]


@pytest.mark.parametrize("project", ["out", "out/project"])
def test_a_project_that_an_outer_repository_ignores_is_a_project_of_its_own(tmp_path, project):
    fill(tmp_path, {".gitignore": "/out/\n*.py\n"})
    fill(tmp_path / project, {"a.py": "", "a.log": "", ".gitignore": "*.log\n"})
    git(tmp_path, "init", "-q")
    assert kept(tmp_path / project) == ["a.py"]


def test_a_nested_repository_answers_for_itself(tmp_path):
    fill(tmp_path, {".gitignore": "*.log\n", "a.log": "", "b": ""})
    git(tmp_path, "init", "-q")
    fill(tmp_path / "nested", {".gitignore": "*.tmp\n", "a.log": "", "a.tmp": "", "b/c.tmp": ""})
    git(tmp_path / "nested", "init", "-q")
    assert kept(tmp_path) == ["b", "nested/a.log"]


def test_a_linked_work_tree_is_one(tmp_path):
    main = tmp_path / "main"
    fill(main, {".gitignore": "*.log\n"})
    git(main, "init", "-q")
    git(main, "add", ".gitignore")
    git(main, "commit", "-q", "-m", "first")
    git(main, "worktree", "add", "-q", str(tmp_path / "linked"))
    fill(tmp_path / "linked", {"a.log": "", "a": ""})
    assert kept(tmp_path / "linked") == ["a"]
    assert list_ignored(str(tmp_path / "linked")) == ["a.log"]


def test_the_callers_git_settings_do_not_lead_elsewhere(tmp_path):
    fill(tmp_path / "one", {".gitignore": "*.log\n", "a.log": "", "a": ""})
    fill(tmp_path / "other", {".gitignore": "*\n"})
    git(tmp_path / "one", "init", "-q")
    git(tmp_path / "other", "init", "-q")
    os.environ["GIT_DIR"] = str(tmp_path / "other" / ".git")
    os.environ["GIT_WORK_TREE"] = str(tmp_path / "other")
    assert kept(tmp_path / "one") == ["a"]


def test_a_repository_that_git_refuses_is_read_without_it(tmp_path):
    fill(tmp_path, {".gitignore": "*.log\n", "a.log": "", "a": "", ".git/config": "[core\n"})
    assert list_ignored(str(tmp_path)) is None
    assert kept(tmp_path) == ["a"]


def test_without_a_git_program_the_files_are_read(tmp_path):
    fill(tmp_path, {".gitignore": "*.log\n", "a.log": "", "a": ""})
    git(tmp_path, "init", "-q")
    os.environ["PATH"] = str(tmp_path / "nowhere")
    assert list_ignored(str(tmp_path)) is None
    assert kept(tmp_path) == ["a"]


def test_a_repository_cannot_have_programs_run(tmp_path):
    fill(tmp_path, {"a.log": "", ".gitignore": "*.log\n", "spy": "#!/bin/sh\ntouch SPIED\n"})
    os.chmod(tmp_path / "spy", 0o755)
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "core.fsmonitor", str(tmp_path / "spy"))
    git(tmp_path, "config", "core.hooksPath", str(tmp_path))
    assert list_ignored(str(tmp_path)) == ["a.log"]
    assert not (tmp_path / "SPIED").exists()


@pytest.mark.parametrize("path", ["", ":", "."])
def test_a_git_in_the_project_is_not_run(tmp_path, path):
    fill(tmp_path, {"a": "", "git": "#!/bin/sh\ntouch SPIED\n"})
    git(tmp_path, "init", "-q")
    os.chmod(tmp_path / "git", 0o755)
    os.environ["PATH"] = path
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        assert list_ignored(str(tmp_path)) is None
    finally:
        os.chdir(before)
    assert not (tmp_path / "SPIED").exists()


def test_git_is_asked_about_what_it_does_not_list(tmp_path):
    fill(tmp_path, {".gitignore": "*.pipe\n", "nested/.gitignore": "*.sock\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path / "nested", "init", "-q")
    ignored = Ignored(str(tmp_path))
    with Dirs(str(tmp_path)) as dirs:
        ignored.enter("", dirs.fd(""), {".git"})
        ignored.enter("nested", dirs.fd("nested"), {".git"})
    paths = ["a.pipe", "b", ":!.pipe", "new\nline.pipe", "nested/a.sock", "nested/a.pipe"]
    assert ignored.among(paths) == {"a.pipe", ":!.pipe", "new\nline.pipe", "nested/a.sock"}


def test_a_line_that_is_no_pattern_is_passed_over(tmp_path):
    fill(tmp_path, {".gitignore": "!\n\\\nx[z-a]\n*.log\n", "a.log": "", "a": ""})
    assert kept(tmp_path) == ["a"]


def test_a_gitignore_that_is_no_file_ignores_nothing(tmp_path):
    fill(tmp_path, {"a/x": "", "b/x": "", "outside": "x\n"})
    os.mkfifo(tmp_path / "a" / ".gitignore")
    os.symlink("../outside", tmp_path / "b" / ".gitignore")
    assert kept(tmp_path) == ["a/x", "b/x", "outside"]
