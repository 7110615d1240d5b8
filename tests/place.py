"""A place of its own for a test: directories, an environment and a mask that are known."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROJECTS = os.path.join(ROOT, "tests", "projects")
SCRIPTS = os.path.dirname(sys.executable)
SEEDS = os.path.join(os.path.dirname(ROOT), "shared", "seeds")

_OURS = ("GAGE_", "RUN_", "FLAG_", "GIT_", "PYTHON", "XDG_", "LC_", "LESS", "MAN")
_ALSO = ("PROJECT_DIR", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PAGER", "LANGUAGE")


def environment(home: str) -> dict[str, str]:
    """The environment for a test that lives in *home*.

    What could make gage, or a program that it starts, act otherwise is gone, and ``gage``
    and ``python`` are those that run the tests.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OURS) and name not in _ALSO
    }
    return kept | {
        "HOME": home,
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join([SCRIPTS, "/usr/local/bin", "/usr/bin", "/bin"]),
        "TERM": "dumb",
        "TMPDIR": home,
        "TZ": "UTC",
    }


@contextmanager
def lived_in(directory: str, env: Mapping[str, str], *, umask: int) -> Iterator[None]:
    """Let this very process be in *directory*, with that environment and mask, for a while."""
    before = os.getcwd(), dict(os.environ), os.umask(umask)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.chdir(before[0])
        os.environ.clear()
        os.environ.update(before[1])
        os.umask(before[2])


def copy_project(name: str, to: str) -> str:
    """Copy one of the projects in tests/projects to the directory *to*, and return *to*."""
    shutil.copytree(os.path.join(PROJECTS, name), to, ignore=shutil.ignore_patterns("__pycache__"))
    return to
