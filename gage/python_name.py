"""What Python is called on a PATH: ``python``, or where that is not there, ``python3``.

Debian has ``python3`` alone, unless a virtual environment is active.
"""

import re
from collections.abc import Mapping, Sequence

from gage.programs import find_program

_WORD = re.compile(r"(?<![\w./-])python(?![\w./-])")


def python_name(environ: Mapping[str, str]) -> str:
    """The name that starts Python by the PATH of *environ*."""
    return "python3" if _is_python3_alone(environ) else "python"


def misnamed_python(args: Sequence[str] | str, environ: Mapping[str, str]) -> str:
    """What to say of a command that was not found, where it is for its name of Python."""
    names = _WORD.search(args) if isinstance(args, str) else list(args[:1]) == ["python"]
    if not names or not _is_python3_alone(environ):
        return ""
    return "python: not on the PATH, but python3 is; write python3 in the command"


def _is_python3_alone(environ: Mapping[str, str]) -> bool:
    return not find_program("python", environ) and bool(find_program("python3", environ))
