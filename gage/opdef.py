"""An operation as its author defined it, read the same from a gage file and from opdef.json.

``OpDef.data`` holds the definition as JSON values, exactly as the fact ``opdef.json`` does;
the functions here give each part in one shape, whichever of the allowed spellings was used.
"""

from typing import Any, Literal, NamedTuple

from gage.scalar import Scalar

Phase = Literal["stage-sourcecode", "stage-runtime", "stage-dependencies", "run", "finalize"]
PHASES: tuple[Phase, ...] = (
    "stage-sourcecode",
    "stage-runtime",
    "stage-dependencies",
    "run",
    "finalize",
)

FlagType = Literal["string", "int", "float", "number", "boolean", "path"]

HIDDEN = "***"
"""What is recorded and shown in place of a secret."""

Command = list[str] | str
"""An argv, or a string: a script where it begins with ``#!``, else for ``sh -c``."""


class OpCmd(NamedTuple):
    """What a run executes, and the variables that the operation sets for it."""

    args: Command
    env: dict[str, str]


class FlagDef(NamedTuple):
    """A flag as an operation declares it.

    Without ``has_default``, the value is the constant of that name in a config file, or null.
    """

    name: str
    default: Scalar = None
    has_default: bool = False
    type: FlagType | None = None
    choices: tuple[Scalar, ...] = ()
    min: int | float | None = None
    max: int | float | None = None
    required: bool = False
    description: str = ""
    env: str = ""
    secret: bool = False


class Dependency(NamedTuple):
    """Files that a run takes: of the project, or with ``run`` of a run of that operation."""

    files: tuple[str, ...] = ()
    run: str = ""
    status: str = "completed"
    select: str = ""
    as_: str = ""


class OpDef(NamedTuple):
    """The definition of the operation *name* (``train``, ``m1:train``)."""

    name: str
    data: dict[str, Any]


def description(opdef: OpDef) -> str:
    """What the operation is for; empty where nobody said."""
    return str(opdef.data.get("description") or "")


def is_default(opdef: OpDef) -> bool:
    """Whether a bare ``gage run`` runs it."""
    return bool(opdef.data.get("default"))


def phases(opdef: OpDef) -> dict[Phase, Command]:
    """The commands of ``exec`` by phase, in the order of the phases, as they are written."""
    spec = opdef.data.get("exec")
    if spec is None:
        return {}
    if not isinstance(spec, dict):
        spec = {"run": spec}
    return {phase: spec[phase] for phase in PHASES if phase in spec}


def config_selectors(opdef: OpDef) -> list[str]:
    """The selectors of config, in order: ``train.py#lr``, ``-train.py#_*``."""
    return _strings(opdef.data.get("config"))


def flag_defs(opdef: OpDef) -> dict[str, FlagDef]:
    """The declared flags by name, in order."""
    return {name: _flag(name, spec) for name, spec in (opdef.data.get("flags") or {}).items()}


def sourcecode_rule(opdef: OpDef) -> list[str] | None:
    """The patterns that select source code; None is the default rule, [] is nothing.

    By default a pipeline has nothing: it runs its steps, and these have the source code.
    """
    rule = opdef.data.get("sourcecode")
    if rule is None or rule is True:
        return [] if raw_steps(opdef) else None
    return [] if rule is False else _strings(rule)


def dependencies(opdef: OpDef) -> list[Dependency]:
    """What the operation depends on, in order."""
    return [_dependency(spec) for spec in opdef.data.get("depends") or []]


def env_values(opdef: OpDef) -> dict[str, Scalar]:
    """The variables that the operation sets, their ``${name}`` not yet filled in."""
    return dict(opdef.data.get("env") or {})


def raw_steps(opdef: OpDef) -> list[Any]:
    """The steps of a pipeline as they are written, each a string or a mapping."""
    return list(opdef.data.get("steps") or [])


def batch_texts(opdef: OpDef) -> dict[str, str]:
    """What was said for each value that differs between the trials of a batch; else nothing."""
    return dict(opdef.data.get("batch") or {})


def is_batch(opdef: OpDef) -> bool:
    """Whether the steps are the trials of a batch."""
    return bool(opdef.data.get("batch"))


def summary_file(opdef: OpDef) -> str:
    """The file of the run dir that holds the run's metrics and attributes."""
    return str(opdef.data.get("summary") or "summary.json")


def metric_patterns(opdef: OpDef) -> dict[str, str]:
    """Regular expressions by metric: the last match in the output is its value."""
    return dict(opdef.data.get("metrics") or {})


def digest_algorithm(opdef: OpDef) -> str:
    """The algorithm of the manifest's digests."""
    return str(opdef.data.get("digest") or "sha256")


def default_label(opdef: OpDef) -> str:
    """The label that a run gets where nobody gives it another."""
    return str(opdef.data.get("label") or "")


def default_tags(opdef: OpDef) -> list[str]:
    """The tags that every run gets."""
    return _strings(opdef.data.get("tags"))


def forced_names(opdef: OpDef) -> frozenset[str]:
    """The names whose values were taken unasked or of another type, as init recorded them."""
    return frozenset(opdef.data.get("forced") or ())


def open_names(opdef: OpDef) -> frozenset[str]:
    """The names of constants that were null in the source, and may have a value of any kind."""
    return frozenset(opdef.data.get("open") or ())


def passed_secrets(opdef: OpDef) -> dict[str, str]:
    """The variables of values that are secret and no flags of the operation, by name.

    They are those of a pipeline's steps, and of a batch's trials, as init recorded them.
    """
    return dict(opdef.data.get("secrets") or {})


def _strings(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _flag(name: str, spec: Any) -> FlagDef:
    if not isinstance(spec, dict):
        return FlagDef(name, default=spec, has_default=True)
    return FlagDef(
        name,
        default=spec.get("default"),
        has_default="default" in spec,
        type=spec.get("type"),
        choices=tuple(spec.get("choices") or ()),
        min=spec.get("min"),
        max=spec.get("max"),
        required=bool(spec.get("required")),
        description=spec.get("description") or "",
        env=spec.get("env") or "",
        secret=bool(spec.get("secret")),
    )


def _dependency(spec: dict[str, Any]) -> Dependency:
    return Dependency(
        files=tuple(_strings(spec.get("files"))),
        run=spec.get("run") or "",
        status=spec.get("status") or "completed",
        select=spec.get("select") or "",
        as_=spec.get("as") or "",
    )
