"""The manual: there is a page for everything, it is well formed, and what it says is so."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections import defaultdict
from importlib import import_module

import pytest

from gage import manual
from gage.errors import NotFoundError
from gage.filters import Filters
from tests.console import manual_sessions, run_session
from tests.place import ROOT, copy_project

MAN1 = os.path.join(ROOT, "man", "man1")
PAGES = sorted(glob.glob(os.path.join(ROOT, "man", "man?", "*.?")))

with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
    SCRIPTS = tomllib.load(file)["project"]["scripts"]

PLUMBING = {
    name: target.partition(":")[0]
    for name, target in SCRIPTS.items()
    if target.startswith("gage.plumbing.")
}


def text_of(page):
    with open(page, encoding="utf-8") as file:
        return file.read()


def name_of(page):
    return os.path.basename(page)


def sessions_of(page):
    """The sessions of a page; in a page to type along, each goes on where the last one ended."""
    sessions = manual_sessions(text_of(page))
    if name_of(page) in ("gage-tutorial.7", "gage-makefiles.7"):
        return [[command for session in sessions for command in session]]
    return sessions


EXAMPLES = [
    pytest.param(page, session, id=f"{name_of(page)}:{session[0].line}")
    for page in PAGES
    for session in sessions_of(page)
]


@pytest.mark.parametrize(("page", "session"), EXAMPLES)
def test_the_examples_of_a_page_do_what_it_shows(page, session, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    copy_project("train", str(here / "project"))
    run_session(session, page, str(here))


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_executable_has_a_page(name):
    assert os.path.exists(os.path.join(MAN1, f"{name}.1"))


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_well_formed(page):
    lint = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True, check=False
    )
    assert (lint.returncode, lint.stdout) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_has_the_sections_of_a_page_and_the_name_of_its_file(page):
    text = text_of(page)
    name, section = name_of(page).rsplit(".", 1)
    sections = re.findall(r"(?m)^\.Sh (.*)$", text)
    if section == "1":
        order = ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
    else:
        order = ["NAME", "DESCRIPTION", "EXAMPLES", "SEE ALSO"]
    assert [title for title in sections if title in order] == order
    assert re.search(rf"(?m)^\.Dt {name.upper()} {section}$", text)
    assert re.search(rf"(?m)^\.Nm {name}$", text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_refers_to_is_there(page):
    ours = re.findall(r"\.Xr (gage\S*) (\d)", text_of(page))
    missing = [
        f"{name}({section})"
        for name, section in ours
        if not os.path.exists(os.path.join(ROOT, "man", f"man{section}", f"{name}.{section}"))
    ]
    assert missing == []


@pytest.mark.parametrize("name", PLUMBING)
def test_a_plumbing_page_and_its_parser_have_the_same_options(name):
    parser = import_module(PLUMBING[name]).parser()
    text = text_of(os.path.join(MAN1, f"{name}.1"))
    options = {
        option
        for action in parser._actions
        for option in action.option_strings
        if action.help != "==SUPPRESS=="
    } - {"-h", "--help"}
    assert options_of(text) == options
    assert synopsis_options(text) <= options
    assert parser.prog == name


def porcelain_page(verb):
    """The page of a command for people: its own, or that of the word that it begins with."""
    own = os.path.join(MAN1, f"gage-{verb.replace(' ', '-')}.1")
    return own if os.path.exists(own) else os.path.join(MAN1, f"gage-{verb.split(' ')[0]}.1")


def test_porcelain_pages_and_their_commands_have_the_same_options():
    from gage.porcelain.commands import commands, load

    options, pages = defaultdict(set), {}
    for verb in commands():
        page = porcelain_page(verb)
        text = text_of(page)
        pages[page] = options_of(text)
        options[page] |= porcelain_options(load(verb))
        if name_of(page).removesuffix(".1") in PLUMBING:
            # The page is that of the plumbing, and tells in passing what people have besides.
            pages[page] |= {option for line in text.split("\n") for option in flags_in(line)}
            options[page] |= options_of(text)
        if ".Xr gage-runs 1" in text:
            options[page] -= FILTERS
            pages[page] -= FILTERS
    assert pages == dict(options)


def porcelain_options(function):
    from gage.porcelain.app import click_command

    names = {n for p in click_command(function).params for n in [*p.opts, *p.secondary_opts]}
    return {name for name in names if name.startswith("-")}


def only_filters(filters: Filters):
    """A command that has no other options."""


FILTERS = porcelain_options(only_filters)


def options_of(text):
    """The options that a page describes: those of its ``.It Fl`` lines."""
    heads = re.findall(r"(?m)^\.It (Fl .*)$", text)
    return {option for head in heads for option in flags_in(head)}


def synopsis_options(text):
    """The options that a page's synopsis names, without the ``--`` that ends options."""
    synopsis = text.partition(".Sh SYNOPSIS\n")[2].partition("\n.Sh ")[0]
    return {option for line in synopsis.split("\n") for option in flags_in(line)} - {"--"}


def flags_in(line):
    """The options of a macro line: what stands behind ``Fl`` up to another macro."""
    options, flag = [], False
    for word in line.split():
        if re.fullmatch(r"\.?[A-Z][a-z][a-z]?", word):
            flag = word.lstrip(".") == "Fl"
        elif flag and (option := re.match(r"(?:\\&)?([\w-].*)", word)):
            options.append("-" + option[1])
    return options


def test_options_are_found_in_all_that_a_page_may_write():
    text = (
        ".Sh SYNOPSIS\n.Nm\n.Op Fl C Ar dir\n.Op Fl q | Fl -stdout\n.Fl -\n.Ar command\n"
        ".Sh DESCRIPTION\n.It Fl C Ar dir\nText of\n.Fl x .\n"
        ".It Fl l Ar label , Fl -label Ns = Ns Ar label\n.It Fl 0\n.It Ar Fl\n.It Fl \\&Fo\n"
    )
    assert options_of(text) == {"-C", "-l", "--label", "-0", "-Fo"}
    assert synopsis_options(text) == {"-C", "-q", "--stdout"}


def test_a_page_is_found_by_its_name_and_without_gage_before_it():
    page = os.path.join(MAN1, "gage-stage.1")
    assert manual.find_page("stage") == manual.find_page("gage-stage") == page
    assert manual.find_page("run-dir") == os.path.join(ROOT, "man", "man5", "gage-run-dir.5")
    assert manual.find_page("stag") is None
    assert manual.find_page("../man1/gage-stage") is None


def test_a_page_that_is_not_there_is_said_with_the_nearest():
    with pytest.raises(NotFoundError) as caught:
        manual.open_page("stag")
    assert caught.value.message == "stag: no such page in the manual"
    assert "gage-stage" in caught.value.hint


def test_a_phrase_is_found_under_its_headings_across_the_ends_of_lines():
    found = {mention.page: mention for mention in manual.find_mentions("Reads ITS  value as yaml")}
    assert found["gage-file(5)"].headings == ["Flags"]
    assert found["gage-file(5)"].about == "the operations of a project"
    assert manual.find_mentions("no page has these words") == []


def test_pages_that_are_about_a_word_come_before_those_that_mention_it():
    found = [mention.page for mention in manual.find_mentions("delete")]
    headings = ["NAME" in mention.headings for mention in manual.find_mentions("manual")]
    assert len(found) == len(set(found)) > 1
    assert headings == sorted(headings, reverse=True) and headings[0] and not headings[-1]


def test_a_page_is_plain_text_in_a_pipe(capsys):
    manual.open_page("stage")
    shown = capsys.readouterr().out
    assert shown.startswith("NAME\n    gage-stage – ")
    assert "\x1b" not in shown and "\b" not in shown


def test_on_a_terminal_a_page_is_shown_by_man(tmp_path):
    program(tmp_path / "man", 'echo "man shows ${1##*/}"')
    assert on_a_terminal(tmp_path) == "man shows gage-stage.1\n"


def test_without_man_a_page_is_shown_by_mandoc(tmp_path):
    program(tmp_path / "man", "exit 1")
    program(tmp_path / "mandoc", 'echo "mandoc shows ${2##*/}"')
    assert on_a_terminal(tmp_path) == "mandoc shows gage-stage.1\n"


def test_without_both_a_page_goes_through_the_pager(tmp_path):
    program(tmp_path / "pager", "echo paged; exec /bin/cat")
    assert on_a_terminal(tmp_path).startswith("paged\nNAME\n    gage-stage – ")


def test_what_shows_a_page_finds_its_own_programs_by_absolute_entries_alone(tmp_path):
    project, bin = tmp_path / "project", tmp_path / "bin"
    for place in (project, project / "bin", bin):
        place.mkdir()
    for place in (project, project / "bin"):
        program(place / "less", "echo the less of the project")
    program(bin / "less", "echo less of $PATH")
    program(bin / "man", "less")
    path = f":.:bin:./bin:{bin}:"
    assert on_a_terminal(bin, path=path, cwd=project) == f"less of {bin}\n"
    program(bin / "man", "exit 1")
    assert on_a_terminal(bin, path=path, cwd=project, pager="less") == f"less of {bin}\n"


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def on_a_terminal(bin, *, path="", cwd=ROOT, pager=""):
    """What ``open_page("stage")`` shows on a terminal where PATH is the directory *bin*."""
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", "from gage.manual import open_page; open_page('stage')"],
        env={
            "PATH": path or str(bin),
            "PAGER": pager or str(bin / "pager"),
            "TERM": "xterm",
            "PYTHONPATH": ROOT,
        },
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with open(ours, "rb", buffering=0) as terminal:
        try:
            while piece := terminal.read(65536):
                shown += piece
        except OSError:
            pass  # how Linux says that nobody has the terminal open any more
    assert child.wait() == 0
    return shown.decode().replace("\r\n", "\n")


def test_the_wheel_carries_pages_types_and_schema(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    data = wheel.name.split("-py3")[0] + ".data/data/share/man/"
    pages = {data + os.path.relpath(page, os.path.join(ROOT, "man")) for page in PAGES}
    assert pages <= set(names)
    assert {"gage/py.typed", "gage/gage-file.schema.json", "gage/command-table.tsv"} <= set(names)
    share = wheel.name.split("-py3")[0] + ".data/data/share/"
    assert share + "bash-completion/completions/gage" in names
    assert share + "zsh/site-functions/_gage" in names
    assert share + "fish/vendor_completions.d/gage.fish" in names
    assert not [name for name in names if name.startswith("tests/")]
