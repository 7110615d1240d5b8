"""The constants of Python source: names that are bound once, at the top level, to a literal.

A literal is a number, a string, a boolean, None, ``float("nan")`` and the like, or a list,
tuple or dict of these. A name that anything at module scope binds again (an assignment,
an import, a loop, ``global`` in a function) is no constant: a new value in one place would
not be the value.
"""

import ast
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gage.literal import KeyPath, natural_kinds, no_config
from gage.scalar import ALL_KINDS, Kind, Scalar, kind_of


class LiteralNode(NamedTuple):
    """A literal: in which module of several, and its node there."""

    path: KeyPath
    value: Scalar
    kinds: frozenset[Kind]
    module: int
    node: ast.expr


class Constants(NamedTuple):
    """The literals, in order, and the keys that are no constants, with why."""

    found: list[LiteralNode]
    refused: dict[KeyPath, str]


def find_constants(modules: Sequence[ast.Module], line: Callable[[int, int], int]) -> Constants:
    """The constants of *modules*, which share one namespace, as the cells of a notebook do.

    ``line(module, lineno)`` is the line that a person would look at.
    """
    lines: dict[str, list[int]] = {}
    for number, module in enumerate(modules):
        for name, lineno in _bound_names(module):
            lines.setdefault(name, []).append(line(number, lineno))
    constants = Constants([], {})
    for number, module in enumerate(modules):
        for name, node, annotation in _assignments(module):
            if len(lines[name]) == 1 and not _is_dunder(name):
                del lines[name]
                _collect(constants, (name,), node, annotation, number, line)
    for name, bound in lines.items():
        constants.refused[(name,)] = _reason(name, sorted(bound))
    return constants


def _reason(name: str, lines: list[int]) -> str:
    if _is_dunder(name):
        return "is a name of Python's own"
    if len(lines) == 1:
        return f"is not bound to a literal of its own at the top level (line {lines[0]})"
    places = ", ".join(map(str, lines[:-1]))
    return f"is bound more than once (lines {places} and {lines[-1]}), so it is no constant"


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _bound_names(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Every binding, or change of an item, at module scope: the name and the line."""
    nodes: list[ast.AST] = [module]
    while nodes:
        node = nodes.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
                yield from _bound_as_global(node)
                continue
            case ast.Lambda() | ast.AnnAssign(value=None):
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # The targets are the comprehension's own; those of `:=` are the module's.
                nodes += [sub.target for sub in ast.walk(node) if isinstance(sub, ast.NamedExpr)]
                continue
            case ast.alias() if node.name != "*":
                yield node.asname or node.name.split(".")[0], node.lineno
            case ast.Name(ctx=ast.Store() | ast.Del()):
                yield node.id, node.lineno
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name, node.lineno
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, node.lineno
        nodes += ast.iter_child_nodes(node)


def _bound_as_global(scope: ast.AST) -> Iterator[tuple[str, int]]:
    nodes = list(ast.walk(scope))
    names = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in names and not isinstance(node.ctx, ast.Load):
            yield node.id, node.lineno


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr, ast.expr | None]]:
    """What the statements of the top level bind: name, value and annotation."""
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[target], value=value):
                yield from _pairs(target, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value, statement.annotation


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr, None]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value, None
        case ((ast.Tuple() | ast.List()), (ast.Tuple() | ast.List())):
            parts = [*target.elts, *value.elts]
            if len(target.elts) == len(value.elts) and not _starred(parts):
                for one, its_value in zip(target.elts, value.elts, strict=True):
                    yield from _pairs(one, its_value)


def _starred(nodes: Sequence[ast.expr]) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)


def _collect(
    constants: Constants,
    path: KeyPath,
    node: ast.expr,
    annotation: ast.expr | None,
    module: int,
    line: Callable[[int, int], int],
) -> None:
    """Add the literals of *node*, which *path* names."""
    items = _items(node)
    if items is not None:
        times = Counter(key for key, _ in items)
        for key, item in items:
            if times[key] > 1:
                constants.refused[(*path, key)] = "stands more than once in its dict"
            else:
                _collect(constants, (*path, key), item, None, module, line)
    elif _is_literal(node):
        value = _evaluate(node)
        if why := no_config(value):
            constants.refused[path] = why
        else:
            kinds = _kinds(value, annotation)
            constants.found.append(LiteralNode(path, value, kinds, module, node))
    else:
        where = line(module, node.lineno)
        constants.refused[path] = f"is not bound to a literal (line {where})"


def _items(node: ast.expr) -> list[tuple[str, ast.expr]] | None:
    """What a list, tuple or dict of known keys holds; None for anything else."""
    match node:
        case ast.List(elts=elts) | ast.Tuple(elts=elts) if not _starred(elts):
            return [(str(index), item) for index, item in enumerate(elts)]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return [
                (str(key.value), value)
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and type(key.value) in (str, int)
            ]
    return None


def _is_literal(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            is_number = isinstance(operand, ast.Constant) and type(operand.value) in (int, float)
            return is_number or _is_float_call(operand)
        case ast.Constant(value=value):
            return value is None or type(value) in (str, int, float, bool)
    return _is_float_call(node)


def _is_float_call(node: ast.expr) -> bool:
    """Whether *node* is ``float("nan")`` or the like: Python has no literal for these."""
    match node:
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))], keywords=[]):
            try:
                return not math.isfinite(float(text))
            except ValueError:
                return False
    return False


def _evaluate(node: ast.expr) -> Scalar:
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand)
            assert isinstance(value, int | float)
            return -value if isinstance(op, ast.USub) else value
        case ast.Call(args=[ast.Constant(value=str(text))]):
            return float(text)
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
    raise AssertionError(ast.dump(node))


_ANNOTATIONS: dict[str, frozenset[Kind]] = {
    "str": frozenset(["string"]),
    "int": frozenset(["int"]),
    "float": frozenset(["float", "int"]),
    "bool": frozenset(["boolean"]),
    "Any": ALL_KINDS,
    "object": ALL_KINDS,
}


def _kinds(value: Scalar, annotation: ast.expr | None) -> frozenset[Kind]:
    """The kinds of *value*, and those that its annotation adds; it alone tells for None."""
    named = _annotated(annotation)
    if value is None:
        return named | {"null"} if named else ALL_KINDS
    return natural_kinds(value) | (named or frozenset())


def _annotated(node: ast.expr | None) -> frozenset[Kind] | None:
    """The kinds that an annotation names; None where it names anything else."""
    match node:
        case ast.Constant(value=None):
            return frozenset(["null"])
        case ast.Constant(value=str(text)):
            try:
                return _annotated(ast.parse(text, mode="eval").body)
            except (SyntaxError, ValueError):
                return None
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _ANNOTATIONS.get(name)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _union([left, right])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _subscripted(name, parts)
    return None


def _subscripted(name: str, parts: list[ast.expr]) -> frozenset[Kind] | None:
    match name:
        case "Optional":
            inner = _union(parts)
            return inner | {"null"} if inner else None
        case "Union":
            return _union(parts)
        case "Final" | "ClassVar" | "Annotated":
            return _annotated(parts[0])
        case "Literal" if all(_is_literal(part) for part in parts):
            return frozenset(kind_of(_evaluate(part)) for part in parts)
    return None


def _union(parts: list[ast.expr]) -> frozenset[Kind] | None:
    kinds: frozenset[Kind] = frozenset()
    for part in parts:
        one = _annotated(part)
        if one is None:
            return None
        kinds |= one
    return kinds
