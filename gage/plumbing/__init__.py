"""The verbs: one module a command, the same as Python functions under the names below.

A name is imported when it is first asked for: a command that needs one verb must not pay
for the others.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "OpCmd": "gage.opdef",
    "OpDef": "gage.opdef",
    "OpRef": "gage.opref",
    "Run": "gage.run",
    "exec_run": "gage.plumbing.exec",
    "finalize_run": "gage.plumbing.finalize",
    "fsck_run": "gage.plumbing.fsck",
    "init_run_meta": "gage.beginning",
    "make_run": "gage.run",
    "open_run": "gage.run",
    "open_run_output": "gage.plumbing.exec",
    "resume_run": "gage.plumbing.resume",
    "run_meta_path": "gage.run",
    "run_status": "gage.status",
    "stage_run": "gage.plumbing.stage",
    "start_run": "gage.plumbing.exec",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
