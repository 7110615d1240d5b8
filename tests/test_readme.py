"""What the README, and the texts beside it, show is what happens."""

import glob
import os

import pytest

from tests.console import markdown_sessions, run_session
from tests.place import ROOT, copy_project

README = os.path.join(ROOT, "README.md")
TEXTS = [README, *sorted(glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True))]


def sessions_of(path):
    with open(path, encoding="utf-8") as file:
        return markdown_sessions(file.read())


@pytest.mark.parametrize(
    "path",
    [path for path in TEXTS if path == README or sessions_of(path)],
    ids=lambda path: os.path.relpath(path, ROOT),
)
def test_a_text_tells_a_story_that_holds_from_its_first_command_to_its_last(path, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    copy_project("train", str(here / "project"))
    story = [command for session in sessions_of(path) for command in session]
    assert story, "it shows no session"
    run_session(story, path, str(here))
