"""The manual: pages in mdoc, found beside the package or where it was installed.

``man gage-stage`` does as well where man(1) looks there; this finds them everywhere.
"""

import os
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from gage.errors import NotFoundError
from gage.mdoc import render
from gage.programs import find_program, safe_path

SECTIONS = ("1", "5", "7")


def find_page(name: str) -> str | None:
    """The path of the page *name*, or None: ``stage`` and ``gage-stage`` are the same page."""
    names = [name] if name == "gage" or name.startswith("gage-") else [f"gage-{name}", name]
    for wanted in names:
        for page in _pages():
            if os.path.basename(page)[:-2] == wanted:
                return page
    return None


def open_page(name: str, *, plain: bool = False) -> None:
    """Show the page *name*: on a terminal by man(1), mandoc(1) or a pager, else as plain text.

    With *plain* a terminal gets plain text, too, and all of it.
    Raises NotFoundError that names the nearest pages.
    """
    page = find_page(name)
    if page is None:
        raise NotFoundError(f"{name}: no such page in the manual", _nearest(name))
    # man(1), and the pager of Python, look up programs of their own.
    os.environ["PATH"] = safe_path(os.environ)
    terminal = sys.stdout.isatty()
    if terminal and not plain and _shown_by_man(page):
        return
    with open(page, encoding="utf-8") as file:
        source = file.read()
    if not terminal:
        sys.stdout.write(render(source))
        return
    from pydoc import pager
    from shutil import get_terminal_size

    text = render(source, min(get_terminal_size().columns, 80) - 2)
    if plain:
        sys.stdout.write(text)
    else:
        pager(text)


class Mention(NamedTuple):
    """A page that mentions something: ``gage-file(5)``, what it is for, under which headings."""

    page: str
    about: str
    headings: list[str]


def find_mentions(phrase: str) -> list[Mention]:
    """The pages that mention *phrase*, upper case or lower; first those about it by name."""
    phrase = " ".join(phrase.split()).casefold()
    found = [mention for page in _pages() if (mention := _mention(page, phrase)).headings]
    # A checkout's page may be installed, too: the first is the one that is opened.
    first = {mention.page: mention for mention in reversed(found)}
    return sorted(first.values(), key=lambda m: ("NAME" not in m.headings, m.page))


def page_names() -> list[str]:
    """The names of all pages, sorted: ``gage``, ``gage-stage``, …"""
    return sorted({os.path.basename(page)[:-2] for page in _pages()})


def _mention(page: str, phrase: str) -> Mention:
    with open(page, encoding="utf-8") as file:
        # Lines are joined again, so that a phrase is found across their ends.
        lines = render(file.read()).split("\n")
    name, _, section = os.path.basename(page).rpartition(".")
    about, heading = "", ""
    headings: dict[str, list[str]] = {}
    for line in lines:
        if re.match(r" {0,2}\S", line):
            heading = line.strip()
        elif line:
            headings.setdefault(heading, []).append(line.strip())
            about = about or line.partition("–")[2].strip()
    return Mention(
        f"{name}({section})",
        about,
        [head for head, text in headings.items() if phrase in " ".join(text).casefold()],
    )


def _pages() -> Iterator[str]:
    for root in _roots():
        for section in SECTIONS:
            directory = os.path.join(root, f"man{section}")
            if os.path.isdir(directory):
                for name in sorted(os.listdir(directory)):
                    if name.startswith("gage") and name.endswith(f".{section}"):
                        yield os.path.join(directory, name)


def _roots() -> Iterator[str]:
    """The directories that may hold man1, man5 and man7; the checkout's, where this is one."""
    import site
    import sysconfig

    yield os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "man")
    yield os.path.join(sysconfig.get_path("data"), "share", "man")
    yield os.path.join(site.getuserbase(), "share", "man")


def _shown_by_man(page: str) -> bool:
    import subprocess

    for program in ("man", "mandoc"):
        found = find_program(program, os.environ)
        if found:
            viewer = [found, page] if program == "man" else [found, "-a", page]
            if subprocess.run(viewer, check=False).returncode == 0:
                return True
    return False


def _nearest(name: str) -> str:
    from gage.nearest import nearest

    names = page_names()
    near = nearest(name, names) or nearest(f"gage-{name}", names)
    return f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
