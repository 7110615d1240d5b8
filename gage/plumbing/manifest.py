"""gage-manifest: print and check which files a run is made of."""

import argparse
import errno
import os
import sys
from collections.abc import Iterable, Sequence

from gage.cli import command, parser_for, print_records
from gage.digest import ALGORITHMS
from gage.durable import put, replaceable
from gage.errors import StateError
from gage.file_differences import Difference, find_differences
from gage.json_text import json_text
from gage.manifest import DEPENDENCY, SOURCE, Entry, escape_line, read_manifest
from gage.run import Run, has_fact, open_run, run_meta_path


def check_manifest(run: Run) -> list[Difference]:
    """How the files of *run* differ from its manifest.

    What a run generates is no difference until the run is finalized. Raises StateError
    where the run is not staged.
    """
    found = find_differences(run, read_manifest(run))
    if not has_fact(run, "proc", "exit"):
        found = [difference for difference in found if difference.difference != "new"]
    return found


def diff_manifests(run: Run, other: Run) -> list[tuple[Run, Entry]]:
    """The entries of two runs that the other has not the same, sorted by path."""
    entries, others = read_manifest(run), read_manifest(other)
    shared = {*entries}.intersection(others)
    found = [(run, entry) for entry in entries if entry not in shared]
    found += [(other, entry) for entry in others if entry not in shared]
    found.sort(key=lambda item: item[1].path)
    return found


def digest_manifest(run: Run, algorithm: str) -> list[Entry]:
    """The manifest of *run* with the digests that its files have now by *algorithm*.

    Raises StateError that names the files that are gone or cannot be read.
    """
    from gage.sealing import digest_run_dir

    entries = read_manifest(run)
    files = digest_run_dir(run.run_dir, {}, algorithm).files
    digests = {file.path: file.digest for file in files}
    if lost := [entry.path for entry in entries if entry.path not in digests]:
        raise StateError(
            f"{run}: gone, or cannot be read: {', '.join(lost)}", f"gage-manifest --check {run}"
        )
    return [entry._replace(digest=digests[entry.path]) for entry in entries]


def write_depfile(run: Run, path: str, *, cwd: str) -> None:
    """Write to *path* the rule by which *run* depends on files of its project.

    ``-`` is the standard output. Those beneath *cwd* are named from there, as a Makefile there
    does. Raises StateError where no project is recorded, *path* is a device or the like, or
    make cannot be told a name.
    """
    from gage.depfile import format_depfile
    from gage.recorded import recorded_project

    project = recorded_project(run)
    if project is None:
        raise StateError(f"{run}: it is not recorded which project it was staged from")
    files = [
        os.path.join(project, entry.path)
        for entry in read_manifest(run)
        if entry.type in (SOURCE, DEPENDENCY)
    ]
    beneath = cwd.rstrip("/") + "/"
    named = [file.removeprefix(beneath) for file in files if _is_there(file)]
    rule = format_depfile(run_meta_path(run, "stopped"), named)
    if path == "-":
        sys.stdout.write(rule)
        return
    path = replaceable(path, "--depfile - writes to the standard output")
    data = rule.encode("utf-8", "surrogateescape")
    put(os.path.dirname(path), path, data, mode=0o666, sync="none")


def parser() -> argparse.ArgumentParser:
    """The command line of gage-manifest."""
    p = parser_for("gage-manifest", "Print and check which files a run is made of.")
    p.add_argument("run_dir", metavar="RUN_DIR")
    p.add_argument("-z", dest="nul", action="store_true", help="records end with NUL, not newline")
    p.add_argument("--json", action="store_true", help="print objects")
    does = p.add_mutually_exclusive_group()
    does.add_argument("--check", action="store_true", help="compare with the files")
    does.add_argument("--depfile", metavar="FILE", help="write a rule for make to FILE")
    does.add_argument("--diff", metavar="OTHER", help="compare with another run")
    does.add_argument(
        "--digest", metavar="ALGORITHM", choices=ALGORITHMS, help="digest the files anew"
    )
    does.add_argument("--fingerprint", action="store_true", help="print what went in, as a digest")
    return p


@command("gage-manifest")
def main(argv: Sequence[str]) -> int:
    """Print a manifest, or what is asked of it; 1 where there are differences."""
    args = parser().parse_args(argv)
    run = open_run(args.run_dir)
    if args.check:
        differences = check_manifest(run)
        _print(args, ((f"{d.difference} ", d._asdict()) for d in differences))
        return 1 if differences else 0
    if args.diff is not None:
        other = open_run(args.diff)
        different = diff_manifests(run, other)
        _print(
            args,
            (
                (
                    f"{'-' if side is run else '+'}{_fields(entry)}",
                    {"run_dir": str(side), **entry._asdict()},
                )
                for side, entry in different
            ),
        )
        return 1 if different else 0
    if args.depfile is not None:
        write_depfile(run, args.depfile, cwd=os.getcwd())
    elif args.fingerprint:
        from gage.fingerprint import run_fingerprint

        _print_fingerprint(run, run_fingerprint(run), args)
    else:
        entries = digest_manifest(run, args.digest) if args.digest else read_manifest(run)
        _print(args, ((_fields(entry), entry._asdict()) for entry in entries))
    return 0


def _print(args: argparse.Namespace, records: Iterable[tuple[str, dict[str, str]]]) -> None:
    """Print records: what stands before the path, and the whole as an object."""
    if args.json:
        print_records((json_text(record) for _, record in records), nul=args.nul)
    elif args.nul:
        print_records((fields + record["path"] for fields, record in records), nul=True)
    else:
        print_records(escape_line(fields, record["path"]) for fields, record in records)


def _print_fingerprint(run: Run, fingerprint: str, args: argparse.Namespace) -> None:
    if args.json:
        fingerprint = json_text({"run_dir": str(run), "fingerprint": fingerprint})
    print_records([fingerprint], nul=args.nul)


def _fields(entry: Entry) -> str:
    return f"{entry.type} {entry.digest} "


def _is_there(path: str) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return True
