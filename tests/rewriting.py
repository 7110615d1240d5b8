"""What every format of config must keep to: a new value reads back, no other byte changes."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from gage.literal import Format, Literal, rewrite
from gage.scalar import Kind, Scalar, same

TRICKY = "a \\'\"\n\r\t{}#:%$-,[]&*!|>`é\u2028\x7f\ufeff😀"

STRINGS = st.one_of(
    st.text(TRICKY, max_size=12),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.sampled_from(
        [
            *["", "no", "null", "1", "1e3", ".5", "~", "---", "# x", "a: b", "{", "["],
            *["'''", '"""', "\\", "a\\", "\n", "\na", "a\n\n", "a\nb\n", " a", "a "],
            *["x\n  y\n", "2020-01-01"],
        ]
    ),
)
FLOATS = st.floats(width=64)
INTS = st.integers(-(2**63), 2**63 - 1)
OF_KIND: dict[Kind, st.SearchStrategy[Scalar]] = {
    "string": STRINGS,
    "int": INTS,
    "float": FLOATS,
    "boolean": st.booleans(),
    "null": st.none(),
}


def new_values(literal: Literal, *without: Kind) -> st.SearchStrategy[Scalar]:
    """Values that may stand where *literal* does, all its kinds alike."""
    kinds = sorted(literal.kinds - set(without))
    if isinstance(literal.value, float):
        kinds = ["float"]  # an integer is made a float before it gets to a format
    return st.sampled_from(kinds).flatmap(OF_KIND.__getitem__)


def changed(format: Format, source: bytes, literal: Literal, value: Scalar) -> bytes:
    """*source* with *value* in the place of *literal*, held to every promise."""
    before = format.parse(source)
    after = rewrite(format, source, before, {literal.path: value})
    assert after.startswith(source[: literal.start])
    assert after.endswith(source[literal.end :])
    assert len(after) >= literal.start + len(source) - literal.end
    found = {one.path: one.value for one in format.parse(after).literals}
    assert found.keys() == {one.path for one in before.literals}
    for one in before.literals:
        assert same(found[one.path], value if one.path == literal.path else one.value)
    return after


def the(format: Format, source: bytes, *path: str) -> Literal:
    """The literal of *source* at *path*."""
    return next(one for one in format.parse(source).literals if one.path == path)


def values(format: Format, source: bytes) -> dict[str, Scalar]:
    """The values of *source* by their paths, joined by dots."""
    return {".".join(one.path): one.value for one in format.parse(source).literals}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What another reader found, flat: every leaf of dicts, lists and tuples."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, str(index)))
    else:
        yield path, value


def agree(format: Format, source: bytes, other: Any) -> bool:
    """Whether *format* finds the very scalars that another reader found."""
    ours = {one.path: one.value for one in format.parse(source).literals}
    theirs = dict(leaves(other))
    return ours.keys() == theirs.keys() and all(same(ours[path], theirs[path]) for path in ours)
