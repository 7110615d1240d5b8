"""The stages that a ``dvc.yaml`` makes of one definition: ``foreach`` its items, or a ``matrix``.

They are called as DVC calls them: ``NAME@KEY``, with what the item is called for a key. A stage
finds the item as ``${item}``, and its key as ``${key}``.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from gage.dvc_values import resolved
from gage.errors import ConfigError
from gage.found import mapping

MOST = 100
"""Stages of one definition that are taken."""

Stage = tuple[str, Mapping[str, Any], Mapping[str, Any]]
"""The name of a stage, its definition, and the values that go into it."""


def stages_of(name: str, spec: Mapping[str, Any], values: Mapping[str, Any]) -> list[Stage]:
    """The stages that *spec*, called *name*, stands for: itself, if it is no group of them.

    Raises ConfigError for a group of no stages, or of too many.
    """
    if "foreach" in spec:
        definition = mapping(spec.get("do"))
        pairs = _items(resolved(spec["foreach"], values))
        what = "foreach"
    elif "matrix" in spec:
        definition = {key: value for key, value in spec.items() if key != "matrix"}
        pairs = _combinations(mapping(resolved(spec["matrix"], values)))
        what = "matrix"
    else:
        return [(name, spec, values)]
    found: list[Stage] = []
    for key, item in pairs:
        if len(found) == MOST:
            raise ConfigError(f"{what}: more than {MOST} stages")
        found.append((f"{name}@{key}", definition, {**values, "item": item, "key": key}))
    if not found:
        raise ConfigError(f"{what}: neither a list nor a mapping that has anything")
    return found


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, list):
        is_plain = not any(isinstance(item, dict | list) for item in value)
        yield from ((str(item) if is_plain else str(i), item) for i, item in enumerate(value))


def _combinations(axes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    lists = [value if isinstance(value, list) else [value] for value in axes.values()]
    for indices in product(*map(range, map(len, lists))) if lists else ():
        items = [values[i] for values, i in zip(lists, indices, strict=True)]
        # What is no single value is called by its axis and its place there.
        names = [
            f"{axis}{i}" if isinstance(item, dict | list) else str(item)
            for axis, item, i in zip(axes, items, indices, strict=True)
        ]
        yield "-".join(names), dict(zip(axes, items, strict=True))
