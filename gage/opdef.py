"""An operation as its author defined it, read the same from a gage file and from opdef.json.

``OpDef.data`` holds the definition as JSON values, exactly as the fact ``opdef.json`` does;
the properties give each part in one shape, whichever of the allowed spellings was used.
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

    @property
    def description(self) -> str:
        """What the operation is for; empty where nobody said."""
        return str(self.data.get("description") or "")

    @property
    def default(self) -> bool:
        """Whether a bare ``gage run`` runs it."""
        return bool(self.data.get("default"))

    @property
    def phases(self) -> dict[Phase, Command]:
        """The commands of ``exec`` by phase, in the order of the phases."""
        spec = self.data.get("exec")
        if spec is None:
            return {}
        if not isinstance(spec, dict):
            spec = {"run": spec}
        return {phase: spec[phase] for phase in PHASES if phase in spec}

    @property
    def config(self) -> list[str]:
        """The selectors of config, in order: ``train.py#lr``, ``-train.py#_*``."""
        return _strings(self.data.get("config"))

    @property
    def flags(self) -> dict[str, FlagDef]:
        """The declared flags by name, in order."""
        return {name: _flag(name, spec) for name, spec in (self.data.get("flags") or {}).items()}

    @property
    def sourcecode(self) -> list[str] | None:
        """The patterns that select source code; None is the default rule, [] nothing."""
        rule = self.data.get("sourcecode")
        if rule is None or rule is True:
            return None
        return [] if rule is False else _strings(rule)

    @property
    def depends(self) -> list[Dependency]:
        """What the operation depends on, in order."""
        return [_dependency(spec) for spec in self.data.get("depends") or []]

    @property
    def env(self) -> dict[str, Scalar]:
        """The variables that the operation sets, their ``${name}`` not yet filled in."""
        return dict(self.data.get("env") or {})

    @property
    def steps(self) -> list[Any]:
        """The steps of a pipeline as they are written, each a string or a mapping."""
        return list(self.data.get("steps") or [])

    @property
    def summary(self) -> str:
        """The file of the run dir that holds the run's metrics and attributes."""
        return str(self.data.get("summary") or "summary.json")

    @property
    def metrics(self) -> dict[str, str]:
        """Regular expressions by metric: the last match in the output is its value."""
        return dict(self.data.get("metrics") or {})

    @property
    def digest(self) -> str:
        """The algorithm of the manifest's digests."""
        return str(self.data.get("digest") or "sha256")

    @property
    def label(self) -> str:
        """The label that a run gets without another."""
        return str(self.data.get("label") or "")

    @property
    def tags(self) -> list[str]:
        """The tags that every run gets."""
        return _strings(self.data.get("tags"))


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
    )


def _dependency(spec: dict[str, Any]) -> Dependency:
    return Dependency(
        files=tuple(_strings(spec.get("files"))),
        run=spec.get("run") or "",
        status=spec.get("status") or "completed",
        select=spec.get("select") or "",
        as_=spec.get("as") or "",
    )
