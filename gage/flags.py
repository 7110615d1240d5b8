"""Flags: how the values that a person gives become the config of a run.

A value has a target: the constant of that name in a config file, the flag of that name in
the operation, or both, and then the flag narrows or widens what the constant allows. Later
wins: constants, defaults of flags, values that were given.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gage.constant import Constant
from gage.errors import ConfigError, UsageError
from gage.opdef import HIDDEN, FlagDef, FlagType, OpDef, flag_defs
from gage.scalar import ALL_KINDS, Kind, Scalar, format_value, kind_of, same
from gage.yaml_scalar import parse_value

__all__ = [
    "Resolved",
    "as_text",
    "flag_environment",
    "flag_trouble",
    "flag_variable",
    "format_value",
    "parse_assignment",
    "parse_value",
    "resolve_config",
    "unknown_flag",
]

LONGEST_VARIABLE = 100_000
"""Characters of a value. Linux starts no program with a variable of over 128 KiB."""


class Resolved(NamedTuple):
    """The *config* of a run.

    *given* are the names that were given, in that order; *forced* are the keys whose value
    is of a kind that their constant does not allow, but the flag or the person does.
    """

    config: dict[str, Scalar]
    given: list[str]
    forced: frozenset[str]


class _Target(NamedTuple):
    name: str
    flag: FlagDef
    constant: Constant | None
    kinds: frozenset[Kind]

    @property
    def where(self) -> str:
        if self.constant is not None:
            return f"{self.constant.file}:{self.constant.line}"
        return "the operation"


_TYPE_KINDS: dict[FlagType, frozenset[Kind]] = {
    "string": frozenset(["string"]),
    "path": frozenset(["string"]),
    "int": frozenset(["int"]),
    "float": frozenset(["float"]),
    "number": frozenset(["int", "float"]),
    "boolean": frozenset(["boolean"]),
}

_KIND_WORDS: dict[Kind, str] = {
    "string": "a string",
    "int": "a whole number",
    "float": "a number",
    "boolean": "yes or no",
    "null": "nothing",
}

_NAME = r'(?s)(?:"(?:[^"\\]|\\.)*"|[^="])+(?==)|[^=]+(?==)'


def parse_assignment(text: str) -> tuple[str, str]:
    """The name and the value's text of ``NAME=VALUE``; a quoted part of a name may hold ``=``.

    Raises UsageError for anything else.
    """
    match = re.match(_NAME, text)
    if not match:
        raise UsageError(f"{text}: expected NAME=VALUE")
    return match.group(), text[match.end() + 1 :]


def resolve_config(
    opdef: OpDef,
    constants: Mapping[str, Constant],
    given: Mapping[str, str],
    *,
    force: bool | frozenset[str] = False,
) -> Resolved:
    """The config of a run of *opdef* with the *constants* of its files and the texts *given*.

    *force* takes unknown names, and values that their flag or constant does not allow: all,
    or those of these names. Raises ConfigError that names the flag, what was expected, and
    where that stands.
    """

    def forced(name: str) -> bool:
        return force if isinstance(force, bool) else name in force

    flags = flag_defs(opdef)
    config = {name: constant.value for name, constant in constants.items()}
    targets = {name: _target(name, flags.get(name), constants.get(name)) for name in config}
    for flag in flags.values():
        target = targets[flag.name] = _target(flag.name, flag, constants.get(flag.name))
        if flag.secret and target.constant:
            raise _secret_in_file(flag, target)
        if flag.has_default:
            what = f"the default of {flag.name}"
            config[flag.name] = _fitting(flag.default, target, what, forced(flag.name))
        else:
            config.setdefault(flag.name, None)
    for name, text in given.items():
        if name not in targets and not forced(name):
            raise unknown_flag(opdef, name, targets)
        target = targets.setdefault(name, _target(name, None, None))
        if target.flag.secret:
            config[name] = HIDDEN if text else None
        else:
            config[name] = _read(text, target, forced(name))
    for name, flag in flags.items():
        if flag.required and (name not in given or config[name] is None):
            raise ConfigError(f"{name}: a value is required", _as_option(flag))
        if not forced(name) and not flag.secret:
            _check_limits(config[name], flag, f"{name}={format_value(config[name])}")
    odd = {n for n, c in constants.items() if kind_of(config[n]) not in c.kinds}
    return Resolved(config, list(given), frozenset(odd))


def flag_trouble(flag: FlagDef) -> tuple[str, str] | None:
    """Where a declaration contradicts itself: the key of the flag that is wrong, and how."""
    target = _target(flag.name, flag, None)
    if flag.secret:
        return _secret_trouble(flag)
    if flag.required and flag.has_default:
        return "required", "a flag with a default is never without a value"
    for key, limit in (("min", flag.min), ("max", flag.max)):
        if limit is not None and not target.kinds & {"int", "float"}:
            return key, "is for numbers, and the flag is none"
    if flag.min is not None and flag.max is not None and flag.min > flag.max:
        return "min", f"{flag.min} is greater than max, {flag.max}"
    try:
        for choice in flag.choices:
            _fitting(choice, target, format_value(choice), force=False)
            _check_limits(choice, flag._replace(choices=()), format_value(choice))
    except ConfigError as error:
        return "choices", error.message
    try:
        if flag.has_default:
            default = _fitting(flag.default, target, format_value(flag.default), force=False)
            _check_limits(default, flag, format_value(flag.default))
    except ConfigError as error:
        return "default", error.message
    return None


def _secret_trouble(flag: FlagDef) -> tuple[str, str] | None:
    if flag.has_default:
        return "default", "a secret has none: it would stand here for everybody to read"
    if flag.choices:
        return "choices", "a secret has none: they would stand here for everybody to read"
    if flag.type not in (None, "string"):
        return "type", "a secret is a text, and passed on as it is"
    if flag.min is not None or flag.max is not None:
        return ("max" if flag.min is None else "min"), "is for numbers, and a secret is a text"
    return None


def flag_environment(opdef: OpDef, config: Mapping[str, Scalar]) -> dict[str, str]:
    """The variables that tell a process its config: ``FLAG_NAME``, or what a flag's env says.

    Where two names make one variable a declared flag wins, else the earlier. A value that
    no variable can hold, for a NUL in it or its length, has none.
    """
    flags = flag_defs(opdef)
    env: dict[str, str] = {}
    for name in [*(n for n in flags if n in config), *config]:
        text = as_text(config[name])
        if "\0" not in text and len(text) <= LONGEST_VARIABLE:
            env.setdefault(flag_variable(flags.get(name) or FlagDef(name)), text)
    return env


def flag_variable(flag: FlagDef) -> str:
    """The name of the variable that holds the value of *flag*."""
    return flag.env or "FLAG_" + re.sub("[^A-Z0-9]", "_", flag.name.upper())


def as_text(value: Scalar) -> str:
    """*value* as a program gets it: a string as it is, nothing for null, ``yes`` and ``no``.

    Numbers are as Python, C and awk read them, so ``nan`` and ``-inf`` have no dot.
    """
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, float) else format_value(value)


def _target(name: str, flag: FlagDef | None, constant: Constant | None) -> _Target:
    flag = flag or FlagDef(name)
    if flag.type is not None:
        kinds = _TYPE_KINDS[flag.type]
    elif constant is not None:
        return _Target(name, flag, constant, constant.kinds)
    else:
        values = [*flag.choices, *([flag.default] if flag.default is not None else [])]
        kinds = frozenset(map(kind_of, values)) or ALL_KINDS
    nullable = "null" in constant.kinds if constant else not flag.required
    if flag.has_default:
        nullable = flag.default is None
    kinds |= {"null"} if nullable else set()
    return _Target(name, flag, constant, kinds)


def _read(text: str, target: _Target, force: bool) -> Scalar:
    value = parse_value(text)
    if "\0" in text or (isinstance(value, str) and "\0" in value):
        raise ConfigError(f"{target.name}: a value cannot hold NUL")
    if kind_of(_converted(value, target)) not in target.kinds and "string" in target.kinds:
        return text
    return _fitting(value, target, f"{target.name}={text}", force)


def _converted(value: Scalar, target: _Target) -> Scalar:
    """*value*, an integer as a float where a float is meant."""
    if type(value) is int and "float" in target.kinds:
        by_constant = target.constant is not None and isinstance(target.constant.value, float)
        if by_constant or "int" not in target.kinds:
            try:
                return float(value)
            except OverflowError:
                raise ConfigError(f"{target.name}: the number is too large") from None
    return value


def _fitting(value: Scalar, target: _Target, what: str, force: bool) -> Scalar:
    value = _converted(value, target)
    if kind_of(value) in target.kinds or force:
        return value
    words = [_KIND_WORDS[kind] for kind in _KIND_WORDS if kind in target.kinds]
    if {"int", "float"} <= target.kinds:
        words.remove(_KIND_WORDS["int"])
    has = target.constant.value if target.constant else target.flag.default
    reason = f" ({target.where} has {_short(has)})" if has is not None else ""
    if target.flag.type:
        reason = f" ({target.name} is of the type {target.flag.type})"
    raise ConfigError(
        f"{what}: expected {' or '.join(words)}{reason}",
        _as_sequence(value, target)
        or "the flag's `type` in the gage file widens it, --force-flags takes anything",
    )


def _as_sequence(value: Scalar, target: _Target) -> str:
    """How *value* is written as several, where it is a text that lists what *target* may be."""
    parts = value.split(",") if isinstance(value, str) else []
    values = [_converted(parse_value(part.strip()), target) for part in parts]
    if len(parts) < 2 or any(kind_of(one) not in target.kinds - {"null"} for one in values):
        return ""
    return f"several values are written {target.name}=[{value}]"


def _short(value: Scalar) -> str:
    text = format_value(value)
    if isinstance(value, bool):
        return f"`{text}`"  # what "has no" would be taken to have nothing
    return text if len(text) <= 60 else f"{text[:60]}..."


def _check_limits(value: Scalar, flag: FlagDef, what: str) -> None:
    if value is None:
        return
    if flag.choices and not any(_equal(value, choice) for choice in flag.choices):
        choices = ", ".join(map(format_value, flag.choices))
        raise ConfigError(f"{what}: expected one of {choices}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if flag.min is not None and not value >= flag.min:
            raise ConfigError(f"{what}: expected at least {format_value(flag.min)}")
        if flag.max is not None and not value <= flag.max:
            raise ConfigError(f"{what}: expected at most {format_value(flag.max)}")


def _equal(a: Scalar, b: Scalar) -> bool:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    if numbers and not isinstance(a, bool) and not isinstance(b, bool):
        return a == b or same(a, b)
    return same(a, b)


def unknown_flag(opdef: OpDef, name: str, known: Iterable[str]) -> ConfigError:
    """The error that *name* is no flag of *opdef*; it names the nearest of *known*."""
    from gage.nearest import did_you_mean

    known = list(known)
    files = [key for key in known if key.endswith(f"#{name}")]
    if files:
        return ConfigError(f"{name}: in more than one file", f"say {' or '.join(files)}")
    hint = did_you_mean(name, known) or f"{opdef.name} has no flags and no config"
    return ConfigError(f"{name}: {opdef.name} has no such flag", hint)


def _secret_in_file(flag: FlagDef, target: _Target) -> ConfigError:
    file = target.constant.file if target.constant else ""
    return ConfigError(
        f"{flag.name}: a secret, and a key of {target.where}, where it would be written",
        f"leave it out of `config` with -{file}#{flag.name}, "
        f"and let the program read ${flag_variable(flag)}",
    )


def _as_option(flag: FlagDef) -> str:
    if flag.secret:
        return f"{flag.name}=VALUE, or the variable {flag_variable(flag)} of the environment"
    return f"{flag.name}=VALUE" + (f": {flag.description}" if flag.description else "")
