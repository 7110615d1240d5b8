"""YAML as a format of config: one document, read as PyYAML's SafeLoader reads it.

That is YAML 1.1: ``no`` is a boolean, ``1e-3`` a string. What an alias or a merge (``<<``)
brings in is no config, nor is what they repeat: a new value would show in two places.
No tag is obeyed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import yaml

from gage.literal import (
    Document,
    KeyPath,
    Literal,
    UnreadableError,
    UnwritableError,
    byte_offsets,
    line_numbers,
    natural_kinds,
    newline_of,
    no_config,
    utf8,
)
from gage.scalar import Scalar, format_value

MAX_PAIRS = 100_000
"""Keys with their values, those that merges bring in counted: a small bomb has billions."""

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_SCALARS = {_TAG + name for name in ("str", "int", "float", "bool", "null")}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_BLOCK = re.compile(r"\|[-+]?([ \t]*(?:[ \t]#[^\r\n]*)?\r?\n)((?:[ ]*\r?\n)*)([ ]+)")
_BOOLEANS = [("true", "false"), ("yes", "no"), ("on", "off")]


class _Place(NamedTuple):
    path: KeyPath
    node: Any
    why: str


def parse(source: bytes) -> Document:
    """The literals of a YAML file."""
    text, mark = utf8(source)
    try:
        root = _compose(text)
        places = list(_walk(root)) if root else []
    except RecursionError:
        raise UnreadableError(0, "nested too deeply") from None
    offset, line = byte_offsets(text), line_numbers(text)
    constructor = yaml.constructor.SafeConstructor()
    times = Counter(place.path for place in places)
    document = Document([], {})
    for path, node, why in places:
        value = None
        why = why or ("stands more than once" if times[path] > 1 else "") or _trouble(node, text)
        if not why:
            try:
                value = constructor.construct_object(node)
                why = no_config(value)
            except (ValueError, yaml.YAMLError):
                why = f"is no {node.tag.removeprefix(_TAG)} that YAML can read"
        if why:
            document.refused[path] = why
            continue
        start, end = node.start_mark.index, _end(node, text)
        document.literals.append(
            Literal(
                path,
                value,
                mark + offset(start),
                mark + offset(end),
                line(start),
                natural_kinds(value),
            )
        )
    return document


def encode(source: bytes, literal: Literal, value: Scalar) -> bytes:
    """*value* in YAML, a string in the style of the old one where that can hold it."""
    old = source[literal.start : literal.end].decode()
    text = _string(old, value, source, literal) if isinstance(value, str) else _word(old, value)
    if old.startswith(("|", ">")) and not text.startswith("|"):
        header = re.match(r"[^\r\n#]*(#[^\r\n]*)?", old)
        text += f" {header[1]}" if header and header[1] else ""
    # Where nothing stood for null, the mark before it may end right here.
    return (text if old else f" {text}").encode()


def _word(old: str, value: Scalar) -> str:
    if isinstance(value, bool):
        words = next((words for words in _BOOLEANS if old.lower() in words), _BOOLEANS[0])
        word = words[0] if value else words[1]
        return word.upper() if old.isupper() else word.title() if old.istitle() else word
    if isinstance(value, float):
        text = format_value(value)
        # YAML 1.1 knows a float by its point.
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return "null" if value is None else str(value)


def _string(old: str, value: str, source: bytes, literal: Literal) -> str:
    block = _BLOCK.match(old)
    if block and _fits_block(value) and _ends_plainly(source[literal.end :]):
        lines = value.removesuffix("\n").split("\n")
        body = newline_of(source).join(block[3] + line if line else "" for line in lines)
        return "|" + ("" if value.endswith("\n") else "-") + block[1] + body
    quoted = old.startswith(("'", '"', "|", ">"))
    if not quoted and _PLAIN.fullmatch(value) and format_value(value) == value:
        return value
    if old.startswith("'") and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise UnwritableError("YAML cannot say a lone surrogate")
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _fits_block(value: str) -> bool:
    """Whether the lines of *value* can stand as they are in a block of their own indent."""
    return (
        value[:1] not in ("", " ", "\t", "\n")
        and not value.endswith("\n\n")
        and not value.rstrip("\n").endswith((" ", "\t"))
        and all(line.isprintable() for line in value.replace("\t", " ").split("\n"))
    )


def _ends_plainly(behind: bytes) -> bool:
    """Whether nothing behind a block would be taken for another line of it."""
    lines = behind[: len(behind) - len(behind.lstrip(b" \t\r\n"))].split(b"\n")
    blank = lines if behind.isspace() else lines[:-1]
    return len(lines) > 1 and not any(line.strip(b"\r") for line in blank)


def _escape(char: str) -> str:
    code = ord(char)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def _compose(text: str) -> Any:
    """The root node of *text*, or None. Raises UnreadableError."""
    try:
        documents = yaml.compose_all(text, yaml.SafeLoader)
        root = next(documents, None)
        second = next(documents, None)
    except yaml.reader.ReaderError as error:
        line = line_numbers(text)(error.position)
        raise UnreadableError(line, "not YAML: a character that YAML does not allow") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        trouble = f"not YAML: {error.problem or error.context}"
        raise UnreadableError(mark.line + 1 if mark else 0, trouble) from None
    if second:
        raise UnreadableError(second.start_mark.line + 1, "a second document begins here")
    return root


def _walk(root: Any) -> Iterator[_Place]:
    """The scalars below *root* in order, with why one is no config."""
    repeated = _repeated(root)
    entered: set[int] = set()
    numbers = count()

    def counted(pairs: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        for pair in pairs:
            if next(numbers) >= MAX_PAIRS:
                raise UnreadableError(0, f"more than {MAX_PAIRS:,} keys")
            yield pair

    def walk(path: KeyPath, node: Any, why: str) -> Iterator[_Place]:
        if id(node) in repeated:
            if id(node) in entered:
                yield _Place(path, node, "is an alias (`*`): the value stands at its anchor")
                return
            why = "also stands elsewhere, through an alias (`*`)"
        entered.add(id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            own = list(counted(_own(node)))
            for name, value in own:
                yield from walk((*path, name), value, why)
            names = {name for name, _ in own}
            for name, value in dict(counted(_merged(node))).items():
                if name not in names:
                    yield _Place((*path, name), value, "comes from a merge (`<<`)")
        elif isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            for index, item in enumerate(node.value):
                yield from walk((*path, str(index)), item, why)
        elif path:
            yield _Place(path, node, why)

    return walk((), root, "")


def _repeated(root: Any) -> set[int]:
    """The identities of the nodes that aliases repeat."""
    seen: set[int] = set()
    repeated: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            repeated.add(id(node))
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
    return repeated


def _own(node: Any) -> Iterator[tuple[str, Any]]:
    """The names and values of a mapping, but for merges and for keys that are no scalars."""
    keys: set[object] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        said = _key(key)
        if said in keys:
            line = key.start_mark.line + 1
            raise UnreadableError(line, f"the key {json.dumps(key.value)} stands here again")
        keys.add(said)
        yield key.value, value


def _key(node: Any) -> object:
    """What a key is to a reader, for whom ``1`` and ``0x1`` are one."""
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, yaml.YAMLError):
        return node.tag, node.value


def _merged(node: Any) -> Iterator[tuple[str, Any]]:
    """What the merges of a mapping bring in, one level deep."""
    for key, value in node.value:
        if key.tag == _MERGE:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in sources:
                if isinstance(source, yaml.MappingNode):
                    yield from _own(source)


def _trouble(node: Any, text: str) -> str:
    """Why the value of *node* is no config, or cannot be changed where it stands."""
    start, end = node.start_mark.index, node.end_mark.index
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALARS:
        return f"has the type {node.tag.removeprefix(_TAG)}"
    if text[start:end].startswith(("&", "!")):
        return "has an anchor or a tag"
    if start == end and text[start - 1] not in ":-":
        return "is not written down"
    return ""


def _end(node: Any, text: str) -> int:
    """Where the text of a scalar ends; the mark of a block is at the next line that counts."""
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in ("|", ">"):
        return int(start + len(text[start:end].rstrip(" \t\r\n")))
    return int(end)
