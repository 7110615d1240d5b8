"""What init recorded of a run, read back: its operation, its values, its command."""

from typing import Any

from gage.errors import StateError
from gage.opdef import OpCmd, OpDef
from gage.run import Run, read_fact, run_meta_path
from gage.scalar import Scalar


def recorded_opdef(run: Run) -> OpDef:
    """The operation as it was defined when the run was made. Raises StateError."""
    return OpDef(str(run.opref or ""), _read_object(run, "opdef.json"))


def recorded_config(run: Run) -> dict[str, Scalar]:
    """The values of the run, dotted key to scalar. Raises StateError."""
    return _read_object(run, "config.json")


def recorded_command(run: Run) -> OpCmd:
    """The command of the run and the variables set for it. Raises StateError."""
    args = read_json_fact(run, "proc", "cmd.json")
    if not isinstance(args, str | list):
        raise StateError(f"{run_meta_path(run, 'proc', 'cmd.json')}: expected a text or an array")
    return OpCmd(args, _read_object(run, "proc", "env.json"))


def given_names(run: Run) -> list[str]:
    """The keys of the config that a person set, in that order."""
    if read_fact(run, "given.json") is None:
        return []
    return list(read_json_fact(run, "given.json"))


def recorded_dependencies(run: Run) -> list[dict[str, Any]]:
    """The records of ``dependencies.json``, none where the run has no dependencies."""
    if read_fact(run, "dependencies.json") is None:
        return []
    return list(read_json_fact(run, "dependencies.json"))


def recorded_project(run: Run) -> str | None:
    """The directory that the run was made from, which may be gone. Raises StateError."""
    if read_fact(run, "sys", "project.json") is None:
        return None
    return str(read_json_fact(run, "sys", "project.json"))


def read_json_fact(run: Run, *parts: str) -> Any:
    """The value of a fact that holds JSON. Raises StateError where it is missing or damaged."""
    import json

    text = read_fact(run, *parts)
    try:
        return json.loads(text or "")
    except ValueError:
        trouble = "missing" if text is None else "damaged"
        raise StateError(f"{run_meta_path(run, *parts)}: this fact is {trouble}") from None


def _read_object(run: Run, *parts: str) -> dict[str, Any]:
    value = read_json_fact(run, *parts)
    if not isinstance(value, dict):
        raise StateError(f"{run_meta_path(run, *parts)}: expected a JSON object")
    return value
