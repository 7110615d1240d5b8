"""A candidate: a word that may complete what a person is writing."""

import os
from typing import NamedTuple

FILES, DIRECTORIES = "files", "directories"
"""What a shell is asked to add by itself."""


class Candidate(NamedTuple):
    """A word, and what it stands for; without a *text*, what the shell is asked to add."""

    text: str
    about: str = ""


class Place(NamedTuple):
    """Where a command would work, and the runs home that was named for it."""

    directory: str
    runs: str = ""


def entries(folder: str) -> list[tuple[str, bool]]:
    """The names in a directory, sorted, each with whether it is a directory."""
    try:
        with os.scandir(folder or ".") as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return []
