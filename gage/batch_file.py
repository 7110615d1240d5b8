"""A batch file: a table of values, a row for each trial.

CSV has the names in its first line, and in its cells values as on the command line. JSON,
YAML and TOML have a list of mappings, whose values are of the kinds that they are there; in
TOML the list is called ``trials``.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gage.errors import ConfigError, NotFoundError
from gage.located import Document, read_document, shown_path
from gage.scalar import format_value
from gage.schema import describe
from gage.sequence import check_count, is_sequence

MAX_BYTES = 10_000_000


class FileRow(NamedTuple):
    """The values of one row, texts as on the command line; *where* says where each stands.

    *where* of no name is where the row begins.
    """

    texts: dict[str, str]
    where: Callable[[str], str]


class BatchFile(NamedTuple):
    """The rows of the file at *path*, and all *names* in them; *where* is that of a name."""

    path: str
    names: list[str]
    rows: list[FileRow]
    where: Callable[[str], str]


def read_batch_file(path: str) -> BatchFile:
    """Read a batch file; its suffix says which language it is in.

    Raises NotFoundError, and ConfigError that names file, line and column.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".csv":
        file = _csv(path)
    elif suffix in (".json", ".yaml", ".yml", ".toml"):
        file = _document(read_document(path))
    else:
        raise ConfigError(f"{path}: no batch file", "a table in .csv, .json, .yaml or .toml")
    if not file.rows:
        raise ConfigError(f"{shown_path(path)}: no row, and so no trial")
    check_count(len(file.rows), shown_path(path))
    return file


def _document(document: Document) -> BatchFile:
    path, data = document.path, document.data
    root: tuple[str, ...] = ()
    is_toml = path.lower().endswith(".toml")
    if is_toml and list(data) == ["trials"]:
        root, data = ("trials",), data["trials"]
    if not isinstance(data, list):
        hint = "[[trials]] begins each" if is_toml else "[{lr: 0.1}, {lr: 0.01}]"
        raise document.wrong(root, f"expected a list of rows, found {describe(data)}", hint)
    rows = []
    places: dict[str, tuple[str | int, ...]] = {}
    for i, row in enumerate(data):
        if not isinstance(row, dict) or not row:
            raise document.wrong((*root, i), "expected a mapping of names to values")
        for name, value in row.items():
            if not (value is None or isinstance(value, str | int | float)):
                message = f"expected a single value, found {describe(value)}"
                raise document.wrong((*root, i, name), message)
            places.setdefault(name, (*root, i, name))
        texts = {name: format_value(value) for name, value in row.items()}
        rows.append(FileRow(texts, _place_in(document, (*root, i))))

    def where(name: str) -> str:
        return f"{shown_path(path)}:{document.line(places[name])}"

    return BatchFile(shown_path(path), list(places), rows, where)


def _place_in(document: Document, place: tuple[str | int, ...]) -> Callable[[str], str]:
    def where(name: str) -> str:
        line = document.line((*place, name) if name else place)
        return f"{shown_path(document.path)}:{line}"

    return where


def _csv(path: str) -> BatchFile:
    import csv

    shown = shown_path(path)
    rows: list[FileRow] = []
    reader = csv.reader(_lines(path), strict=True, skipinitialspace=True)
    records = _records(reader, shown)
    number, names = next(records, (0, []))
    head = f"{shown}:{number}" if number else shown
    seen: set[str] = set()
    for column, name in enumerate(names, 1):
        if not name:
            raise ConfigError(f"{head}: column {column}: expected the name of a flag")
        if name in seen:
            raise ConfigError(f"{head}: column {column}: {name}: there twice")
        seen.add(name)
    for number, cells in records:
        if len(cells) != len(names):
            raise ConfigError(
                f"{shown}:{number}: expected {len(names)} columns, found {len(cells)}",
                "a value that holds a comma is written in quotes",
            )
        for column, (name, cell) in enumerate(zip(names, cells, strict=True), 1):
            if is_sequence(cell):
                raise ConfigError(
                    f"{shown}:{number}: column {column}: {name}={cell}: a row is one trial",
                    f'a string is written in quotes: """{cell}"""',
                )
        place = f"{shown}:{number}"
        rows.append(FileRow(dict(zip(names, cells, strict=True)), lambda name, at=place: at))  # type: ignore[misc]
    return BatchFile(shown, names, rows, lambda name: head)


def _records(reader: "Iterator[list[str]]", shown: str) -> Iterator[tuple[int, list[str]]]:
    """The records that are not empty, each with the line that it ends on."""
    import csv

    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ConfigError(f"{shown}:{reader.line_num}: no CSV: {error}") from None  # type: ignore[attr-defined]
        if cells:
            yield reader.line_num, [cell.strip() for cell in cells]  # type: ignore[attr-defined]


def _lines(path: str) -> Iterator[str]:
    import io

    if not os.path.exists(path):
        raise NotFoundError(f"{shown_path(path)}: no such file")
    if not os.path.isfile(path):
        raise ConfigError(f"{shown_path(path)}: expected a regular file")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{shown_path(path)}: larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{shown_path(path)}:{line}: not UTF-8") from None
    return io.StringIO(text, newline="")
