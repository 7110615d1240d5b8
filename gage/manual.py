"""The manual: pages in mdoc, found beside the package or where it was installed.

``man gage-stage`` does as well where man(1) looks there; this finds them everywhere.
"""

import os
import sys
from collections.abc import Iterator

from gage.errors import NotFoundError
from gage.mdoc import render
from gage.programs import find_program

SECTIONS = ("1", "5", "7")


def find_page(name: str) -> str | None:
    """The path of the page *name*, or None: ``stage`` and ``gage-stage`` are the same page."""
    names = [name] if name == "gage" or name.startswith("gage-") else [f"gage-{name}", name]
    for wanted in names:
        for page in _pages():
            if os.path.basename(page)[:-2] == wanted:
                return page
    return None


def open_page(name: str) -> None:
    """Show the page *name*: on a terminal by man(1), mandoc(1) or a pager, else as plain text.

    Raises NotFoundError that names the nearest pages.
    """
    page = find_page(name)
    if page is None:
        raise NotFoundError(f"{name}: no such page in the manual", _nearest(name))
    if not sys.stdout.isatty() or not _shown_by_man(page):
        with open(page, encoding="utf-8") as file:
            source = file.read()
        if sys.stdout.isatty():
            from pydoc import pager
            from shutil import get_terminal_size

            pager(render(source, min(get_terminal_size().columns, 80) - 2))
        else:
            sys.stdout.write(render(source))


def page_names() -> list[str]:
    """The names of all pages, sorted: ``gage``, ``gage-stage``, …"""
    return sorted({os.path.basename(page)[:-2] for page in _pages()})


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
