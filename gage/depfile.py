"""A depfile: what a run was made from, as a rule that make(1) includes.

Every prerequisite is also a target without a recipe: where it is gone, make takes it for
changed, as with ``gcc -MP``, and does not stop.
"""

import os
import re
from collections.abc import Sequence

from gage.errors import StateError

_QUOTED = re.compile(r"(\\*)([ #*?\[:])")

# No quoting brings these past make: they end a rule, make a pattern of it or are lost.
_UNWRITABLE = re.compile(r"^~|[\n\r\t;|%]|[ \\)&]$|\\.*[*?\[]|[*?\[].*\\")

_PATH_MAX = 4096  # with the NUL at its end

_EQUALS = "gage.equals := =\n"


def format_depfile(target: str, files: Sequence[str]) -> str:
    """The rule by which *target* depends on *files*.

    Raises StateError that names the paths that make cannot be told.
    """
    if lost := [path for path in [target, *files] if _is_lost(path)]:
        raise StateError(
            "\n".join(f"{path}: make cannot be told this name" for path in lost), "rename it"
        )
    quoted = [_quoted(path) for path in files]
    rule = " \\\n ".join([f"{_quoted(target)}:", *quoted])
    alone = "".join(f"\n{path}:\n" for path in quoted)
    # In a line that holds a plain `=`, make would see a variable.
    head = _EQUALS if any("=" in path for path in [target, *files]) else ""
    return f"{head}{rule}\n{alone}"


def _is_lost(path: str) -> bool:
    # What is too long for the kernel is to make as if it were not there, for ever.
    return bool(_UNWRITABLE.search(path)) or len(os.fsencode(path)) >= _PATH_MAX


def _quoted(path: str) -> str:
    quoted = _QUOTED.sub(r"\1\1\\\2", path)
    return quoted.replace("$", "$$").replace("=", "$(gage.equals)")
