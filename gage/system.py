"""System attributes: where, with what and for whom a run was made."""

import os

import gage


def system_attributes(project: str) -> dict[str, str]:
    """The facts ``sys/NAME.json`` of a run that is made now from *project*."""
    uname = os.uname()
    return {
        "gage": gage.__version__,
        "host": uname.nodename,
        "platform": f"{uname.sysname} {uname.release} {uname.machine}",
        "project": os.path.abspath(project),
        "user": _user(),
    }


def _user() -> str:
    # A container may have no entry for the user: the number is a name too.
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
