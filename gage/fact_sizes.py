"""How large what is read whole may be where it goes in an archive: facts, logs and sayings.

Output may have any size, and so may what gage does not know: neither is ever read whole.
"""

from gage.fact_shapes import is_known
from gage.meta_files import MOST_BYTES, is_output, own_name

_LINES = 1 << 27
"""The manifest and the log of a million files."""

_MUCH_JSON = 1 << 26
_JSON = 1 << 24
_SAYING = 1 << 20
_WORD = 1 << 16


class Sizes:
    """What one run has in facts, so far."""

    def __init__(self) -> None:
        self._all = 0

    def trouble(self, part: str, path: str, size: int) -> str:
        """Why the file *path* of the *part* of the run cannot have *size* bytes, or nothing."""
        most = _most_bytes(part, path)
        if most is None:
            return ""
        self._all += size
        if size > most:
            return f"is too large: {size:,} bytes, and {most:,} is the most"
        if self._all > MOST_BYTES:
            return f"with it the facts of the run have more than {MOST_BYTES:,} bytes"
        return ""


def _most_bytes(part: str, path: str) -> int | None:
    if part == ".user":
        return _SAYING
    name = own_name(path)
    if part != ".meta" or is_output(path) or not is_known(name):
        return None
    if name in ("manifest", "log/files"):
        return _LINES
    if name == "dependencies.json":
        return _MUCH_JSON
    return _JSON if name.endswith(".json") or name.startswith("log/") else _WORD
