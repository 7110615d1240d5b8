"""What init recorded of a run, read back: its operation, its values, its command."""

from typing import Any

from gage.errors import StateError
from gage.opdef import OpCmd, OpDef
from gage.opref import OpRef
from gage.run import Run, read_fact, run_meta_path
from gage.scalar import Scalar


def recorded_opref(run: Run) -> OpRef:
    """The operation by its name. Raises StateError."""
    if run.opref is None:
        raise _unreadable(run, "missing or damaged", "opref")
    return run.opref


def recorded_opdef(run: Run) -> OpDef:
    """The operation as it was defined when the run was made. Raises StateError."""
    return OpDef(str(run.opref or ""), _read_object(run, "opdef.json"))


def recorded_config(run: Run) -> dict[str, Scalar]:
    """The values of the run, dotted key to scalar. Raises StateError."""
    return _read_scalars(run, "config.json")


def recorded_command(run: Run) -> OpCmd:
    """The command of the run and the variables set for it. Raises StateError."""
    args = read_json_fact(run, "proc", "cmd.json")
    if not isinstance(args, str) and not _is_list_of(str, args):
        raise _other(run, "proc", "cmd.json", wanted="a text or an array of texts")
    env = _read_object(run, "proc", "env.json")
    if not _is_list_of(str, list(env.values())):
        raise _other(run, "proc", "env.json", wanted="texts")
    return OpCmd(args, env)


def given_names(run: Run) -> list[str]:
    """The keys of the config that a person set, in that order."""
    if read_fact(run, "given.json") is None:
        return []
    names = read_json_fact(run, "given.json")
    if not _is_list_of(str, names):
        raise _other(run, "given.json", wanted="an array of texts")
    return list(names)


def recorded_dependencies(run: Run) -> list[dict[str, Any]]:
    """The records of ``dependencies.json``, none where the run has no dependencies."""
    if read_fact(run, "dependencies.json") is None:
        return []
    records = read_json_fact(run, "dependencies.json")
    if not _is_list_of(dict, records):
        raise _other(run, "dependencies.json", wanted="an array of objects")
    return list(records)


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
    except (ValueError, RecursionError):
        trouble = "missing" if text is None else "damaged"
        raise _unreadable(run, trouble, *parts) from None


def _read_object(run: Run, *parts: str) -> dict[str, Any]:
    value = read_json_fact(run, *parts)
    if not isinstance(value, dict):
        raise _other(run, *parts, wanted="a JSON object")
    return value


def _read_scalars(run: Run, *parts: str) -> dict[str, Scalar]:
    values = _read_object(run, *parts)
    if any(isinstance(value, dict | list) for value in values.values()):
        raise _other(run, *parts, wanted="numbers and texts, no structure")
    return values


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _unreadable(run: Run, trouble: str, *parts: str) -> StateError:
    return StateError(f"{run_meta_path(run, *parts)}: this fact is {trouble}", f"gage-fsck {run}")


def _other(run: Run, *parts: str, wanted: str) -> StateError:
    return StateError(f"{run_meta_path(run, *parts)}: expected {wanted}", f"gage-fsck {run}")
