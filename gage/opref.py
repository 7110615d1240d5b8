"""An opref: which operation a run is a run of, as the fact ``opref`` records it.

One line: the version of the format, ``2``, the namespace, the name and, where known, the
operation's version, separated by spaces. A part that is empty, holds a space or could be
taken for a JSON string is written as a JSON string.
"""

from typing import NamedTuple

from gage.errors import ConfigError


class OpRef(NamedTuple):
    """The name of an operation, in its namespace."""

    namespace: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}" if self.namespace else self.name


def parse_opname(text: str) -> OpRef:
    """The opref that a person means by ``NAME`` or ``NAMESPACE:NAME``."""
    namespace, _, name = text.rpartition(":")
    return OpRef(namespace, name)


def format_opref(opref: OpRef) -> str:
    """The line that the fact ``opref`` holds, without its newline."""
    parts = [opref.namespace, opref.name] + ([opref.version] if opref.version else [])
    return " ".join(["2", *map(_quoted, parts)])


def parse_opref(line: str) -> OpRef:
    """The inverse of format_opref. Raises ConfigError for anything else."""
    if not line.startswith("2 "):
        raise ConfigError(f"opref {line!r}: expected `2 NAMESPACE NAME`")
    parts: list[str] = []
    rest = line[2:]
    try:
        while rest:
            if rest.startswith('"" '):
                part, end = "", 2  # no namespace: as common as not worth importing json
            elif rest.startswith('"'):
                import json

                part, end = json.JSONDecoder().raw_decode(rest)
            else:
                end = rest.find(" ") if " " in rest else len(rest)
                part = rest[:end]
            if rest[end : end + 1] not in ("", " ") or not isinstance(part, str):
                raise ValueError
            parts.append(part)
            rest = rest[end + 1 :]
        return OpRef(*parts)
    except (ValueError, TypeError):
        raise ConfigError(f"opref {line!r}: expected `2 NAMESPACE NAME`") from None


def _quoted(part: str) -> str:
    plain = part and part.isprintable() and " " not in part and '"' not in part
    if plain:
        return part
    import json

    return json.dumps(part)
