"""Trust: whose gage files are believed.

What a gage file says is run, and gage finds it by walking up. So one that belongs to
somebody else, or lies in a directory that does, is not even read, as Git has it for the
configuration of a repository: unless the user says so, once by ``--trust`` (``GAGE_TRUST=1``
for what gage starts), or for good by a line in a list of his own, ``gage/trusted`` in
``$XDG_CONFIG_HOME`` or ``~/.config``: a directory, in which and below which gage files are
believed, or ``*``; ``#`` begins a comment. What belongs to root is believed, who may do
anything anyway, and under sudo(8) what belongs to the user who called it.
"""

import os
import stat
from collections.abc import Iterable, Mapping

from gage.errors import ConfigError

VARIABLE = "GAGE_TRUST"


def check_trust(path: str, environ: Mapping[str, str]) -> None:
    """Raise ConfigError, which names its owner, unless the gage file at *path* is trusted.

    Raises OSError where it cannot be looked at.
    """
    if environ.get(VARIABLE) == "1":
        return
    directory = os.path.dirname(path) or "."
    owners = [os.lstat(path).st_uid, os.stat(path).st_uid, os.stat(directory).st_uid]
    trusted = believed(environ)
    stranger = next((owner for owner in owners if owner not in trusted), None)
    if stranger is None or _is_listed(directory, environ):
        return
    whose = "it" if stranger in owners[:2] else "its directory"
    raise ConfigError(
        f"{path}: not read, since {whose} belongs to {_name(stranger)}",
        f"gage --trust believes it once; a line {os.path.realpath(directory)} "
        f"in {_list(environ)} always",
    )


def find_stranger(paths: Iterable[str], directory: str, environ: Mapping[str, str]) -> str | None:
    """Who owns one of *paths*, or what it leads to, and is not trusted; None where nobody does.

    What cannot be looked at belongs to nobody; what is in *directory* may be in the list.
    """
    if environ.get(VARIABLE) == "1":
        return None
    trusted = believed(environ)
    for path in paths:
        for look in (os.lstat, os.stat):
            try:
                owner = look(path).st_uid
            except OSError:
                continue
            if owner not in trusted and not _is_listed(directory, environ):
                return _name(owner)
    return None


def believed(environ: Mapping[str, str]) -> set[int]:
    """The users who are trusted by what they are: we, root, and who called sudo(8)."""
    ours = os.geteuid()
    trusted = {ours, 0}
    caller = environ.get("SUDO_UID", "")
    if ours == 0 and caller.isdecimal():
        trusted.add(int(caller))
    return trusted


def is_private_group(gid: int) -> bool:
    """Whether the group *gid* is ours alone, as systems that give each user a group have it.

    That is our primary group, with the name or the number of our own, and nobody else in it.
    """
    import grp

    ours = os.geteuid()
    if gid != os.getegid():
        return False
    try:
        name, _, _, members = grp.getgrgid(gid)
    except KeyError:
        return gid == ours
    return (gid == ours or name == _name(ours)) and set(members) <= {_name(ours)}


def group_name(gid: int) -> str:
    """What the group *gid* is called."""
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _is_listed(directory: str, environ: Mapping[str, str]) -> bool:
    try:
        fd = os.open(_list(environ), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    status = os.fstat(fd)
    if status.st_uid not in believed(environ) or not stat.S_ISREG(status.st_mode):
        os.close(fd)
        return False
    with open(fd, encoding="utf-8", errors="surrogateescape") as file:
        lines = [line.strip() for line in file]
    place = os.path.realpath(directory)
    for line in lines:
        if line == "*":
            return True
        if os.path.isabs(line):
            trusted = os.path.realpath(line)
            if place == trusted or place.startswith(trusted.rstrip("/") + "/"):
                return True
    return False


def _list(environ: Mapping[str, str]) -> str:
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(home, "gage", "trusted")


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
