"""Measure, and print a table: ``python -m bench [start|stage|output|finalize|runs]…``.

It exits 1 where a limit is not kept, or where something could not be measured.
"""

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module

from bench.measure import MeasureError, line

ROOMS = ("start", "stage", "output", "finalize", "runs")


def main(argv: Sequence[str]) -> int:
    """Measure the rooms that are named, or all of them."""
    unknown = set(argv) - set(ROOMS)
    if unknown:
        print(f"bench: {', '.join(sorted(unknown))}: there are {', '.join(ROOMS)}", file=sys.stderr)
        return 2
    failed = False
    for room in argv or ROOMS:
        place = tempfile.mkdtemp(prefix="gage-bench-")
        # A run without a project stages the current directory: it must hold nothing.
        os.mkdir(os.path.join(place, "empty"))
        os.chdir(os.path.join(place, "empty"))
        try:
            for figure in import_module(f"bench.{room}").figures(place):
                print(line(figure), flush=True)
                failed = failed or not figure.good
        except MeasureError as error:
            print(f"bench: {room}: {error}", file=sys.stderr)
            failed = True
        finally:
            _remove(place)
    return int(failed)


def _remove(place: str) -> None:
    os.chdir(tempfile.gettempdir())
    subprocess.run(["chmod", "-R", "u+w", place], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(place)


def _compile() -> None:
    """Compile gage, as whoever installs it does: it would be compiled anew at each start."""
    import gage

    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(os.path.dirname(gage.__file__), quiet=1)


if __name__ == "__main__":
    _compile()
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    sys.exit(main(sys.argv[1:]))
