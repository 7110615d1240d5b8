"""Make the pictures: ``python -m pictures [NAME]…``, as ``make pictures`` does.

Each is one story: commands that are really run, on a terminal, in a copy of a project.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from pictures.screen import new_screen, play, rows
from pictures.svg import picture

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(HERE), "examples")


class Story(NamedTuple):
    """*before* is run and not shown; *shown* are the commands, and their exit codes.

    *example* is the project that they are run in a copy of; without one it is empty.
    """

    title: str
    before: list[str]
    shown: list[tuple[str, int]]
    example: str = ""
    columns: int = 84


_TRAIN = """cat > train.py <<'END'
import math

lr = 0.1
epochs = 40
loss = 1.0
for epoch in range(1, epochs + 1):
    loss *= 1 - 0.3 * lr + 0.25 * lr * lr * math.sin(epoch)
    print(f"epoch: {epoch} loss: {loss:.4f}")
END
cat > gage.yaml <<'END'
train:
  exec: python train.py
  config: train.py
  metrics:
    loss: 'loss: (.*)'
END
"""

STORIES = {
    "restart": Story(
        "A pipeline fails, is restarted with another value, and completes",
        [],
        [
            ("gage run nile min_years=60 -y", 1),
            ("gage restart nile min_years=10 --needed -y", 0),
            ("gage runs", 0),
        ],
        "nile",
    ),
    "compare": Story(
        "Runs with several values are compared in a table, and their losses drawn",
        [_TRAIN, "gage run train lr=[0.05,0.2,0.5] -y -q"],
        [
            ("gage compare -Fo train --sort loss", 0),
            ("gage plot loss -Fo train", 0),
        ],
    ),
}


def draw(story: Story) -> str:
    """The picture of *story*, in SVG. Raises RuntimeError where a command ends otherwise."""
    place = tempfile.mkdtemp(prefix="gage-pictures-")
    try:
        project = os.path.join(place, story.example or "project")
        if story.example:
            shutil.copytree(os.path.join(EXAMPLES, story.example), project)
        else:
            os.mkdir(project)
        environ = {
            "HOME": place,
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.defpath]),
            "TERM": "xterm-256color",
            "GAGE_PAGER": "cat",
        }
        screen = new_screen(story.columns)
        told = [(command, 0) for command in story.before]
        for command, wanted in [*told, *story.shown]:
            if (command, wanted) == story.shown[0]:
                screen = new_screen(story.columns)
            code = play(screen, command, project, environ)
            if code != wanted:
                shown = "\n".join(screen.display).rstrip()
                raise RuntimeError(f"{command}: exit code {code}, expected {wanted}\n{shown}")
        return picture(rows(screen), story.title)
    finally:
        shutil.rmtree(place, onerror=_writable)


def main(argv: Sequence[str]) -> int:
    """Draw the stories that are named, or all of them."""
    unknown = set(argv) - set(STORIES)
    if unknown:
        print(f"pictures: {', '.join(sorted(unknown))}: there are {', '.join(STORIES)}")
        return 2
    for name in argv or STORIES:
        path = os.path.join(HERE, f"{name}.svg")
        svg = draw(STORIES[name])
        with open(path, "w", encoding="utf-8") as file:
            file.write(svg)
        print(path)
    return 0


def _writable(function: object, path: str, trouble: object) -> None:
    # What is in a finished run is read-only.
    os.chmod(os.path.dirname(path), 0o700)
    os.unlink(path) if not os.path.isdir(path) or os.path.islink(path) else os.rmdir(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
