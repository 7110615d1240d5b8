"""The pictures of the README show what a terminal showed."""

import os
import re
import xml.etree.ElementTree as ET

import pytest

from pictures.__main__ import STORIES, Story, draw
from pictures.screen import new_screen, play, rows
from pictures.svg import CELL, MARGIN, picture
from tests.place import ROOT

PICTURES = os.path.join(ROOT, "pictures")
TEXT = "{http://www.w3.org/2000/svg}text"


def shown_by(svg):
    """The lines of text in a picture, put together again from where each piece stands."""
    lines = {}
    for text in ET.fromstring(svg).iter(TEXT):
        column = round((float(text.get("x")) - MARGIN) / CELL)
        line = lines.setdefault(float(text.get("y")), "")
        lines[float(text.get("y"))] = line.ljust(column) + text.text.replace(
            "\N{NO-BREAK SPACE}", " "
        )
    return [lines[y] for y in sorted(lines)]


def test_a_picture_has_the_text_of_the_screen_where_it_stood(tmp_path):
    screen = new_screen(60)
    command = "printf 'a  b\\033[31m<red>\\033[0m & \\033[1mbold\\033[0m\\n  wide: 漢字 end\\n'"
    assert play(screen, command, str(tmp_path), {"PATH": "/usr/bin:/bin"}) == 0
    svg = picture(rows(screen), "a <title>")
    assert shown_by(svg)[-2:] == ["a  b<red> & bold", "  wide: 漢字 end"]
    assert 'fill="#f2777a">&lt;red&gt;</text>' in svg


def test_what_overwrites_a_line_is_all_that_is_seen_of_it(tmp_path):
    screen = new_screen(40)
    play(screen, r"printf '10%%\r100%%\n\033[1A\033[2Kdone\n'", str(tmp_path), {"PATH": "/bin"})
    assert shown_by(picture(rows(screen), ""))[-1] == "done"


def test_a_command_that_ends_otherwise_makes_no_picture():
    with pytest.raises(RuntimeError, match="false: exit code 1, expected 0\n"):
        draw(Story("", [], [("echo hello", 0), ("false", 0)]))


def test_every_picture_of_the_readme_is_of_a_story_and_needs_nothing_from_elsewhere():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        pictures = re.findall(r"!\[([^]]*)\]\(pictures/(\w+)\.svg\)", file.read())
    assert {name: title for title, name in pictures} == {
        name: story.title for name, story in STORIES.items()
    }
    for name in STORIES:
        with open(os.path.join(PICTURES, f"{name}.svg"), encoding="utf-8") as file:
            svg = file.read()
        assert re.findall(r"\w+:/[^\"]*|url\(|<script|<style|<image", svg) == [
            "http://www.w3.org/2000/svg"
        ]


@pytest.mark.parametrize("name", STORIES)
def test_a_story_can_be_told_again_and_shows_its_commands(name):
    shown = shown_by(draw(STORIES[name]))
    assert [line for line in shown if line.startswith("$ ")] == [
        f"$ {command}" for command, _ in STORIES[name].shown
    ]
