"""Where a symbolic link of a project leads, and what it must hold to lead there in a copy.

A link stays a link where its path, followed component by component, never leaves the
project: then it leads to the same place in a copy, to a file, to nothing or round and
round. One that goes through the outside and comes back is made to go straight.
"""

import os

_MOST_LINKS = 40
"""As many links as the kernel follows in one path; more are a loop."""


def inner_target(project: str, path: str, target: str) -> str | None:
    """What the link at *path* must hold in a copy of *project*; None if it leads out.

    *project* is an absolute path without links in it, *path* relative to it, *target* what
    the link holds now.
    """
    folder = path.split("/")[:-1]
    if _stays_inside(project, folder, target, _MOST_LINKS):
        return target
    straight = _straightened(project, folder, target)
    if straight is None or not _stays_inside(project, folder, straight, _MOST_LINKS):
        return None
    return straight


def _stays_inside(project: str, folder: list[str], target: str, links: int) -> bool:
    if target.startswith("/"):
        return False
    where, ahead = list(folder), target.split("/")[::-1]
    while ahead:
        part = ahead.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not where:
                return False
            where.pop()
            continue
        where.append(part)
        try:
            met = os.readlink(os.path.join(project, *where))
        except OSError:
            continue  # no link, or nothing there: the path alone decides
        if not links:
            return True
        links -= 1
        where.pop()
        if met.startswith("/"):
            # In the copy that link, too, goes straight.
            straight = _straightened(project, where, met)
            if straight is None:
                return False
            met = straight
        ahead += met.split("/")[::-1]
    return True


def _straightened(project: str, folder: list[str], target: str) -> str | None:
    """*target* as a path relative to *folder* of the project, if it leads into the project."""
    path = os.path.join(project, *folder, target)
    head, name = os.path.split(path.rstrip("/"))
    if name in ("", ".", ".."):
        resolved = os.path.realpath(path)
    else:
        resolved = os.path.join(os.path.realpath(head), name)
    if resolved != project and not resolved.startswith(project.rstrip("/") + "/"):
        return None
    return os.path.relpath(resolved, os.path.join(project, *folder))
