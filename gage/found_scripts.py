"""Scripts, executables, notebooks and targets of make that a directory has, as operations."""

import os
import re
import stat
from collections.abc import Container, Iterator
from typing import Any

from gage.errors import ConfigError, GageError
from gage.found import Found, is_program, operation_name, quoted_braces, remark

MAX_BYTES = 1_000_000
MOST_TARGETS = 50
NO_SCRIPTS = ("setup.py", "conftest.py", "noxfile.py", "__init__.py", "__main__.py")
NO_TARGETS = ("clean", "distclean", "mrproper", "install", "uninstall", "help", "dist")
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


def find_scripts(directory: str) -> Iterator[Found]:
    """The Python and shell scripts, executables and notebooks of *directory*."""
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        try:
            mode = os.stat(path).st_mode
        except OSError:
            continue
        if name.startswith(".") or not stat.S_ISREG(mode):
            continue
        try:
            if not name.isprintable():
                if name.endswith((".py", ".ipynb", ".sh")) or is_program(path):
                    yield remark(name, "a name with characters that cannot be shown")
            elif name.endswith(".py"):
                yield _python(directory, name)
            elif name.endswith(".ipynb"):
                yield _notebook(directory, name)
            elif name.endswith(".sh") or is_program(path):
                yield _program(directory, name)
        except (GageError, OSError, ValueError) as error:
            message = error.message if isinstance(error, GageError) else str(error)
            yield remark(name, message.removeprefix(f"{name}: "))


def find_targets(directory: str) -> Iterator[Found]:
    """The targets of the Makefile of *directory*."""
    name = next((n for n in MAKEFILES if os.path.isfile(os.path.join(directory, n))), None)
    if name is None:
        return
    text = _read(os.path.join(directory, name)).replace("\\\n", " ")
    found: dict[str, str] = {}
    for match in re.finditer(
        r"(?m)^([A-Za-z0-9][\w.-]*(?:[ \t]+[A-Za-z0-9][\w.-]*)*)[ \t]*::?(?![:=])([^\n]*)", text
    ):
        told = re.search(r"##[ \t]*(\S.*)", match[2])
        for target in match[1].split():
            found.setdefault(target, told[1].strip() if told else "")
    usable = [target for target in found if target not in NO_TARGETS]
    for target in usable[:MOST_TARGETS]:
        definition: dict[str, Any] = {"exec": f"make {target}"}
        if found[target]:
            definition = {"description": found[target], **definition}
        yield Found(operation_name(target, "make"), name, definition, f"target {target}")
    left = [target for target in found if target in NO_TARGETS]
    if left:
        yield remark(name, f"{', '.join(left)}: targets that make nothing of a run")
    if len(usable) > MOST_TARGETS:
        yield remark(name, f"{len(usable) - MOST_TARGETS} more targets")


def config_of(directory: str, selectors: list[str]) -> list[str]:
    """The keys that *selectors* choose; empty where there are none, or a file cannot be read."""
    from gage.config import read_config

    try:
        return list(read_config(directory, selectors))
    except ConfigError:
        return []


def _python(directory: str, name: str) -> Found:
    import ast

    if name in NO_SCRIPTS or re.fullmatch(r"test_.*|.*_test\.py", name):
        return remark(name, "a test, or what tools read")
    try:
        tree = ast.parse(_read(os.path.join(directory, name)))
    except (SyntaxError, RecursionError, MemoryError) as error:
        return remark(name, f"no Python: {error.__class__.__name__}: {error}")
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if not any(_does_something(node, own) for node in tree.body):
        return remark(name, "only defines something, and does nothing when it is run")
    about = (ast.get_docstring(tree) or "").partition("\n")[0].strip()
    return _described(_program(directory, name), about)


def _does_something(node: Any, own: Container[str]) -> bool:
    """Whether a statement does more than to define; *own* are the functions of the script."""
    import ast

    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
        return True
    if isinstance(node, ast.If | ast.Try | ast.TryStar):
        return any(_does_something(inner, own) for inner in node.body)  # the rest may be imports
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        calls = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
        return any(isinstance(called, ast.Name) and called.id in own for called in calls)
    return isinstance(node, ast.For | ast.While | ast.With | ast.Match | ast.Assert | ast.Raise)


def _notebook(directory: str, name: str) -> Found:
    stem = name.removesuffix(".ipynb")
    if stem.endswith(".out"):
        return remark(name, "what another run made")
    command = ["jupyter", "nbconvert", "--to", "notebook", "--execute", f"./{name}"]
    definition = {"exec": [*map(quoted_braces, command), "--output", f"{stem}.out.ipynb"]}
    return _with_config(directory, Found(operation_name(stem), name, definition), name)


def _program(directory: str, name: str) -> Found:
    from gage.gage_file import file_operation

    _, opdef = file_operation(os.path.join(directory, name), directory)
    definition = dict(opdef.data)
    selector = definition.pop("config", None)
    found = Found(operation_name(os.path.splitext(name)[0]), name, definition)
    if selector:
        return _with_config(directory, found, selector)
    text = _read(os.path.join(directory, name)) if "depends" not in definition else ""
    told = re.match(r"(?:#!.*\n)?#[ \t]*([^\s#!].*)", text)
    return _described(found, told[1].strip() if told else "")


def _with_config(directory: str, found: Found, selector: str) -> Found:
    from gage.config import read_config

    keys = list(read_config(directory, [selector]))
    if not keys:
        return found
    shown = ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
    verb = "is" if len(keys) == 1 else "are"
    definition = {**found.definition, "config": selector}
    return found._replace(definition=definition, about=f"{shown} {verb} config")


def _described(found: Found, about: str) -> Found:
    if not about or not about.isprintable() or not found.definition:
        return found
    return found._replace(definition={"description": about[:200], **found.definition})


def _read(path: str) -> str:
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{os.path.basename(path)}: larger than {MAX_BYTES} bytes")
    return data.decode("utf-8-sig")
