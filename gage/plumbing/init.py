"""gage-init: make the meta dir of a run, with everything that is known before it starts."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from gage.batch import prepare_all
from gage.batch_file import read_batch_file
from gage.beginning import init_run
from gage.cli import command, parser_for, print_records
from gage.command import operation_command, operation_variables
from gage.durable import sync_policy
from gage.errors import ConfigError, NotFoundError, StateError, UsageError
from gage.flags import parse_assignment
from gage.given_secrets import hide_secrets
from gage.json_text import json_text
from gage.opdef import Command, OpCmd, OpDef, config_selectors, forced_names
from gage.operation import Prepared, open_words, with_digest
from gage.opref import parse_opname
from gage.run import open_run
from gage.scalar import Scalar
from gage.secret import masked, secret_variables
from gage.trust import VARIABLE


def parser() -> argparse.ArgumentParser:
    """The command line of gage-init; what follows ``--`` is the command of the run."""
    p = parser_for("gage-init", "Make the meta dir of a run.")
    p.usage = (
        "gage-init [OPTION ...] [-C PROJECT] RUN_DIR [OPERATION] [NAME=VALUE ...]\n"
        "       gage-init [OPTION ...] [--opdef FILE] [--opref NS:NAME] [--config FILE]\n"
        "                 [--env NAME=VALUE] [--no-sourcecode] RUN_DIR -- COMMAND [ARG ...]"
    )
    p.add_argument("run_dir", metavar="RUN_DIR", help="where; ending in / it gets an ID for a name")
    p.add_argument("words", metavar="WORD", nargs="*", help="OPERATION and NAME=VALUE")
    p.add_argument("-C", dest="project", metavar="PROJECT", help="the project, for the current one")
    p.add_argument("--batch", metavar="FILE", help="a trial for each row of values in FILE")
    p.add_argument("--opdef", metavar="FILE", help="the operation, as JSON (- reads it)")
    p.add_argument("--opref", metavar="NS:NAME", help="what the operation is called")
    p.add_argument("--config", metavar="FILE", help="config values, a flat JSON object")
    p.add_argument("--env", metavar="NAME=VALUE", action="append", default=[], help="a variable")
    p.add_argument("--no-sourcecode", action="store_true", help="copy no source code")
    p.add_argument("--parent", metavar="RUN_DIR", help="the pipeline that this is a step of")
    p.add_argument("--digest", metavar="ALGORITHM", help="sha256 or blake3, for the manifest")
    p.add_argument("-l", "--label", metavar="TEXT", help="label the run")
    p.add_argument("-t", "--tag", metavar="TAG", action="append", default=[], help="tag the run")
    p.add_argument("--trust", action="store_true", help="believe a gage file of another user")
    p.add_argument("-z", dest="nul", action="store_true", help="records end with NUL, not newline")
    p.add_argument("--json", action="store_true", help="print an object, with run_dir and id")
    p.add_argument("--force-flags", action="store_true", help="take any flag and any type")
    return p


@command("gage-init")
def main(argv: Sequence[str]) -> int:
    """Initialise a run from an operation of a project, or from a command, and print it."""
    words, cmd = _split_at_dashes(list(argv))
    args = parser().parse_intermixed_args(words)
    if args.trust:
        os.environ[VARIABLE] = "1"
    by_hand = cmd is not None or args.opdef is not None
    if by_hand and (args.project or args.words or args.batch):
        raise UsageError("say an operation of a project, or a command behind --; not both")
    if not by_hand and (args.opref or args.config or args.env):
        raise UsageError("--opref, --config and --env need a command behind --, or --opdef")
    if not by_hand and args.no_sourcecode:
        raise UsageError("--no-sourcecode needs a command behind --", "`sourcecode: false` says so")
    project = args.project or os.getcwd()
    if by_hand:
        prepared = _from_files(args, cmd)
    else:
        operation, given, _ = hide_secrets(*open_words(project, args.words), os.environ)
        project = operation.project
        file = read_batch_file(args.batch) if args.batch else None
        prepared = prepare_all(operation, given, force=args.force_flags, file=file)
    if args.digest:
        prepared = with_digest(prepared, args.digest)
    run = init_run(
        args.run_dir,
        prepared,
        project,
        label=args.label or "",
        tags=args.tag,
        parent=_parent_id(args.parent),
        sync=sync_policy(os.environ),
    )
    if args.json:
        print_records([json_text({"run_dir": run.run_dir, "id": run.id})], nul=args.nul)
    else:
        print_records([run.run_dir], nul=args.nul)
    return 0


def _split_at_dashes(argv: list[str]) -> tuple[list[str], list[str] | None]:
    if "--" not in argv:
        return argv, None
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def _from_files(args: argparse.Namespace, cmd: list[str] | None) -> Prepared:
    data = _read_definition(args.opdef) if args.opdef else {}
    if args.no_sourcecode:
        data["sourcecode"] = False
    config = _read_config(args.config) if args.config else {}
    env = dict(parse_assignment(text) for text in args.env)
    opref = parse_opname(args.opref or (os.path.basename(cmd[0]) if cmd else "run"))
    opdef = OpDef(opref.name, data)
    if config and not config_selectors(opdef):
        # They are in no file: they live in the environment alone, declared or not.
        data["forced"] = sorted({*forced_names(opdef), *config})
    config = masked(opdef, config)
    for name, variable in secret_variables(opdef).items():
        if variable in env:
            raise UsageError(
                f"--env {variable}: the variable of the secret {name}, and would be recorded",
                "set it in the environment of gage-exec",
            )
    command: Command
    if cmd is None:
        command = operation_command(opdef, config).args
    elif cmd:
        command = cmd
    else:
        raise UsageError("no command behind --")
    env = operation_variables(opdef, config) | env
    return Prepared(opref, opdef, config, [], OpCmd(command, env))


def _parent_id(run_dir: str | None) -> str:
    if run_dir is None:
        return ""
    parent = open_run(run_dir)
    if not parent.id:
        raise StateError(f"{run_dir}: has no ID that could be recorded")
    return parent.id


def _read_definition(path: str) -> dict[str, Any]:
    from gage.gage_file import check_definition

    data = _read_json(path)
    # What an earlier init recorded can be given to another.
    check_definition(
        {k: v for k, v in data.items() if k not in ("forced", "open", "secrets")}, path
    )
    return data


def _read_config(path: str) -> dict[str, Scalar]:
    config: dict[str, Scalar] = _read_json(path)
    for name, value in config.items():
        if isinstance(value, dict | list):
            raise ConfigError(f"{path}: {name}: expected a number or a text, no structure")
    return config


def _read_json(path: str) -> dict[str, Any]:
    import json

    try:
        with open(0 if path == "-" else path, encoding="utf-8") as file:
            value = json.load(file)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected a JSON object")
    return value
