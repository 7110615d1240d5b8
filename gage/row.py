"""A row: what a listing knows about one run, whatever state its files are in."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from gage.errors import ConfigError
from gage.opref import OpRef, parse_opref
from gage.run import RUN_ID, SCHEMA, Run, read_whole
from gage.said import Said, read_said
from gage.scalar import Scalar, format_value
from gage.status import Status, exit_status, run_status


class Row(NamedTuple):
    """A run in a listing. Rows sort by start, then ID, then name.

    *start* is when the run was started or, before that, initialized, in microseconds since
    the epoch (0: unknown). *settings* are the flags that were given or that the operation
    declares, as ``NAME=VALUE``. *facts* is the rest and *data* config, metrics and attributes,
    both as JSON that is decoded when it is asked for.
    *vouch* stands for the files that the index has the row from; 0 where it has not.
    """

    start: int
    id: str
    name: str
    operation: str
    status: Status
    label: str
    settings: str
    facts: str
    data: str
    vouch: int
    home: str

    @property
    def run_dir(self) -> str:
        """The path of the run dir, in the runs home as it was named."""
        return f"{self.home}/{self.name}"

    @property
    def run(self) -> Run:
        """The run that this is a row of."""
        return Run(self.run_dir, self.id, self.opref)

    @property
    def opref(self) -> OpRef | None:
        """The operation; None where the run does not tell."""
        parts = self._fact("opref")
        return OpRef(*parts) if parts else None

    @property
    def initialized(self) -> int | None:
        """When the run was initialized, in microseconds since the epoch."""
        return self._stamp("initialized")

    @property
    def staged(self) -> int | None:
        """When the run was staged, in microseconds since the epoch."""
        return self._stamp("staged")

    @property
    def started(self) -> int | None:
        """When the run was started, in microseconds since the epoch."""
        return self._stamp("started")

    @property
    def stopped(self) -> int | None:
        """When the run stopped, in microseconds since the epoch."""
        return self._stamp("stopped")

    @property
    def duration(self) -> int | None:
        """Microseconds from start to stop; None where either is not known."""
        started, stopped = self.started, self.stopped
        return None if started is None or stopped is None else stopped - started

    @property
    def exit(self) -> int | None:
        """The exit code of a finished run; ``-N``: killed by signal N."""
        return self._stamp("exit")

    @property
    def parent(self) -> str:
        """The ID of the run that this is a step of, or nothing."""
        return str(self._fact("parent") or "")

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, in the order in which they were given."""
        return tuple(self._fact("tags") or ())

    @property
    def comments(self) -> int:
        """How many comments there are."""
        return int(self._fact("comments") or 0)

    @property
    def config(self) -> Mapping[str, Scalar]:
        """The config that the run was initialized with."""
        return self._values("config")

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the flags that were given, and not left at their defaults."""
        return tuple(self._fact("given") or ())

    @property
    def flags(self) -> tuple[str, ...]:
        """The names of the flags that the operation declares."""
        return tuple(self._fact("flags") or ())

    @property
    def metrics(self) -> Mapping[str, Scalar]:
        """The metrics of the summary."""
        return self._values("metrics")

    @property
    def attributes(self) -> Mapping[str, Scalar]:
        """The attributes of the summary."""
        return self._values("attributes")

    def _fact(self, key: str) -> Any:
        return _decoded(self.facts).get(key)

    def _stamp(self, key: str) -> int | None:
        value: int | None = _decoded(self.facts).get(key)
        return value

    def _values(self, key: str) -> Mapping[str, Scalar]:
        values: Mapping[str, Scalar] = _decoded(self.data).get(key) or {}
        return values


def read_row(home: str, name: str) -> Row:
    """The row of the run *name* in *home*, from its files; ``unknown`` where they are damaged."""
    run = Run(os.path.join(home, name), "", None)
    # One look-up of the directory, not one for each fact: the first listing is all look-ups.
    try:
        facts = os.open(run.meta_dir, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return _row(run, read_said(home, name), -1)
    try:
        return _row(run, read_said(home, name), facts)
    finally:
        os.close(facts)


def _row(run: Run, said: Said, fd: int) -> Row:
    """The row of *run* from the facts in the directory at *fd*; without one, it has none."""
    code = _number(fd, "proc/exit")
    id = _text(fd, "id")
    if not RUN_ID.fullmatch(id):
        id = ""
    if code is not None and id and _text(fd, "__schema__") == SCHEMA:
        status = exit_status(code)
    else:
        status = run_status(run)
    opref = _parsed_opref(_text(fd, "opref"))
    config = _scalars(_parsed(_text(fd, "config.json")))
    given = _names(_parsed(_text(fd, "given.json")))
    flags, varied = _definition(_text(fd, "opdef.json"))
    summary = _object(_parsed(_text(fd, "summary.json")))
    initialized, started = _number(fd, "initialized"), _number(fd, "started")
    facts = {
        "opref": opref,
        "initialized": initialized,
        "staged": _number(fd, "staged"),
        "started": started,
        "stopped": _number(fd, "stopped"),
        "exit": code,
        "parent": _text(fd, "parent"),
        "tags": said.tags,
        "comments": len(said.comments),
        "given": given,
        "flags": flags,
    }
    data = {
        "config": config,
        "metrics": _scalars(summary.get("metrics")),
        "attributes": _scalars(summary.get("attributes")),
    }
    return Row(
        start=started or initialized or 0,
        id=id,
        name=run.name,
        operation=str(opref or ""),
        status=status,
        label=said.label,
        settings=settings_text(config, {*given, *flags}, varied),
        facts=_encoded(facts),
        data=_encoded(data),
        vouch=0,
        home=run.home,
    )


def settings_text(
    config: Mapping[str, Scalar], names: set[str], varied: Mapping[str, Scalar]
) -> str:
    """The values of those *names*, and what was said for those *varied* in a batch, as one text."""
    texts = {name: format_value(value) for name, value in config.items() if name in names}
    if varied:
        texts = {name: str(said) for name, said in varied.items()} | texts
    return " ".join(map("=".join, texts.items()))


def _text(fd: int, path: str) -> str:
    """The text of the fact at *path* in the directory at *fd*; empty where there is none."""
    try:
        # Damage may be anything: a FIFO must not make a listing wait, nor a link to a device.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
        data = read_whole(os.open(path, flags, dir_fd=fd))
    except OSError:
        return ""
    return data.decode("utf-8", "surrogateescape").removesuffix("\n")


def _number(fd: int, path: str) -> int | None:
    text = _text(fd, path)
    try:
        return int(text) if len(text) < 20 else None
    except ValueError:
        return None


def _parsed(text: str) -> Any:
    if not text:
        return None
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# Runs of one operation share what defines it.
@lru_cache(maxsize=64)
def _parsed_opref(text: str) -> OpRef | None:
    try:
        return parse_opref(text)
    except ConfigError:
        return None


@lru_cache(maxsize=64)
def _definition(opdef: str) -> tuple[list[str], Mapping[str, Scalar]]:
    """The names of the flags, and what was said for the values that a batch varies."""
    data = _object(_parsed(opdef))
    return _names(data.get("flags")), _scalars(data.get("batch"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list | dict) else ()
    return [name for name in names if isinstance(name, str)]


def _scalars(value: Any) -> dict[str, Scalar]:
    return {
        key: scalar
        for key, scalar in _object(value).items()
        if scalar is None or isinstance(scalar, str | int | float)
    }


def _encoded(values: Mapping[str, Any]) -> str:
    import json

    there = {key: value for key, value in values.items() if value not in (None, "", (), [], {})}
    return json.dumps(there)


@lru_cache(maxsize=256)
def _decoded(text: str) -> dict[str, Any]:
    # The text is what _encoded made, so that nothing need be looked for around it: a filter
    # decodes every run, and json.loads takes twice as long.
    values: dict[str, Any] = _raw_decode()(text)[0]
    return values


@lru_cache(maxsize=1)
def _raw_decode() -> Callable[[str], tuple[Any, int]]:
    import json

    return json.JSONDecoder().raw_decode
