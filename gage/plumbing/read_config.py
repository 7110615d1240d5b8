"""gage-read-config: print the config that is written in a project's files."""

import argparse
from collections.abc import Iterable, Iterator, Sequence

from gage.cli import command, parser_for, print_records
from gage.config import read_config
from gage.constant import Constant
from gage.json_text import json_text
from gage.scalar import format_value


def parser() -> argparse.ArgumentParser:
    """The command line of gage-read-config."""
    p = parser_for("gage-read-config", "Print the config of files, a key a line.")
    p.add_argument("-C", dest="dir", metavar="DIR", default=".", help="the project")
    p.add_argument("-z", dest="nul", action="store_true", help="records end with NUL")
    p.add_argument("--json", action="store_true", help="an object a line")
    p.add_argument("selectors", metavar="SELECTOR", nargs="+", help="files and keys")
    return p


@command("gage-read-config")
def main(argv: Sequence[str]) -> int:
    """Print what the selectors in *argv* choose."""
    args = parser().parse_args(argv)
    constants = read_config(args.dir, args.selectors).values()
    print_records(_objects(constants) if args.json else _lines(constants), nul=args.nul)
    return 0


def _lines(constants: Iterable[Constant]) -> Iterator[str]:
    for constant in constants:
        yield f"{constant.key}\t{format_value(constant.value)}"


def _objects(constants: Iterable[Constant]) -> Iterator[str]:
    for constant in constants:
        fields = ("key", "value", "file", "line")
        yield json_text({name: getattr(constant, name) for name in fields})
