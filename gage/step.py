"""A step: one operation that a pipeline runs, with its flags, as the gage file defines it.

A string is read as a shell reads words: ``OPERATION NAME=VALUE ... [--needed] [--label L]
[--tag T]``. A mapping has such a string for ``run``, and more beside it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from gage.errors import ConfigError, UsageError
from gage.flags import parse_assignment
from gage.run import checked_name
from gage.scalar import format_value


class Step(NamedTuple):
    """A step as it is defined; *flags* are texts as on a command line, ``${name}`` and all.

    *needs* is None where the step needs all that stand before it.
    """

    operation: str
    flags: dict[str, str]
    name: str = ""
    needs: tuple[str, ...] | None = None
    expect: Mapping[str, Any] = MappingProxyType({})
    isolate_runs: bool = True
    needed: bool = False
    label: str = ""
    tags: tuple[str, ...] = ()


def parse_step(raw: str | dict[str, Any]) -> Step:
    """The step that *raw* defines. Raises ConfigError for a word that is none of a step's."""
    if isinstance(raw, str):
        return _parse_words(raw)
    step = _parse_words(raw["run"])
    needs = raw.get("needs")
    return step._replace(
        flags=step.flags | {n: format_value(v) for n, v in (raw.get("flags") or {}).items()},
        name=raw.get("name") or "",
        needs=None if needs is None else tuple(_listed(needs)),
        expect=raw.get("expect") or {},
        isolate_runs=raw.get("isolate-runs", True),
        label=raw.get("label") or step.label,
        tags=(*step.tags, *_listed(raw.get("tags") or [])),
    )


def step_names(steps: Sequence[Step]) -> list[str]:
    """The name of each step: its own, else its operation's; the second ``fail`` is ``fail_2``.

    Raises ConfigError where two come out the same, one cannot be the name of a link, or a
    step needs none that is before it.
    """
    names: dict[str, int] = {}
    times: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        base = step.name or os.path.basename(step.operation.rpartition(":")[2])
        times[base] = times.get(base, 0) + 1
        name = base if times[base] == 1 else f"{base}_{times[base]}"
        try:
            checked_name(name)
        except UsageError as error:
            raise ConfigError(f"step {number}: {error.message}") from None
        if name in names:
            raise ConfigError(f"step {number} and step {names[name]} are both {name}")
        for need in step.needs or ():
            if need not in names:
                before = f"before it: {', '.join(names)}" if names else "none is before it"
                raise ConfigError(f"step {name} needs {need}: no such step before it", before)
        names[name] = number
    return list(names)


def _parse_words(text: str) -> Step:
    import shlex

    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{text}: {str(error).lower()}") from None
    operation, label, needed = "", "", False
    flags: dict[str, str] = {}
    tags: list[str] = []
    for word in words:
        option, equals, value = word.partition("=")
        if option == "--needed" and not equals:
            needed = True
        elif option in ("--label", "--tag"):
            value = value if equals else _next(words, option)
            label, tags = (value, tags) if option == "--label" else (label, [*tags, value])
        elif word.startswith("-"):
            raise ConfigError(f"{word}: no option of a step", "known: --needed, --label, --tag")
        elif not operation and not equals:
            operation = word
        elif not operation:
            break
        else:
            flags.update([_assignment(word)])
    if not operation:
        raise ConfigError("a step begins with the name of an operation")
    return Step(operation, flags, needed=needed, label=label, tags=tuple(tags))


def _assignment(word: str) -> tuple[str, str]:
    try:
        return parse_assignment(word)
    except UsageError as error:
        raise ConfigError(error.message) from None


def _next(words: Iterator[str], option: str) -> str:
    for word in words:
        return word
    raise ConfigError(f"{option}: expected a text behind it")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
