"""A constant: a value of config, as a file of the project holds it."""

from typing import NamedTuple

from gage.scalar import Kind, Scalar


class Constant(NamedTuple):
    """A value of config, and where it is written: *file* relative to the root, *line* from 1.

    ``kinds`` are those that a new value may have.
    """

    key: str
    value: Scalar
    file: str
    line: int
    kinds: frozenset[Kind]
