"""Programs that gage starts for itself, found by absolute entries of the PATH alone.

An entry that is empty or relative means the current directory to execvp(3), and to
shutil.which too; what lies in a project must not be started because of its name.
"""

import os
from collections.abc import Mapping


def safe_path(environ: Mapping[str, str]) -> str:
    """The PATH of *environ* without such entries, for programs that start others."""
    # An empty PATH would mean the current directory again.
    return os.pathsep.join(_folders(environ)) or os.defpath


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """The path of the program *name* on the PATH of *environ*; None where there is none."""
    for folder in _folders(environ):
        program = os.path.join(folder, name)
        if os.access(program, os.X_OK) and os.path.isfile(program):
            return program
    return None


def program_names(prefix: str, environ: Mapping[str, str]) -> list[str]:
    """The names of all programs that ``find_program`` would find and that begin with *prefix*."""
    found = set()
    for folder in _folders(environ):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        found |= {name for name in names if name.startswith(prefix)}
    return sorted(name for name in found if find_program(name, environ))


def _folders(environ: Mapping[str, str]) -> list[str]:
    return list(filter(os.path.isabs, environ.get("PATH", os.defpath).split(os.pathsep)))
