"""A fingerprint: what went into a run, as one digest; equal runs have the same."""

from collections.abc import Iterable, Mapping

from gage.manifest import Entry, format_entry, read_manifest
from gage.opref import OpRef, format_opref
from gage.recorded import recorded_command, recorded_config, recorded_opref
from gage.run import Run


def run_fingerprint(run: Run) -> str:
    """The fingerprint of what went into *run*. Raises StateError."""
    went_in = recorded_command(run).args, recorded_config(run), read_manifest(run)
    return fingerprint(recorded_opref(run), *went_in)


def fingerprint(
    opref: OpRef, command: object, config: Mapping[str, object], entries: Iterable[Entry]
) -> str:
    """What went into a run, as 64 hex digits: equal for runs that must come out the same.

    BLAKE3 over the line of the operation, the command and the config as JSON with sorted
    keys and no spaces, and the sorted manifest lines of source code and dependencies, each
    with a newline behind it.
    """
    import json

    from gage.digest import new_hash

    def canonical(value: object) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    taken = sorted(format_entry(entry) for entry in entries if entry.type in "sd")
    hash = new_hash("blake3")
    for line in [format_opref(opref), canonical(command), canonical(dict(config)), *taken]:
        hash.update(f"{line}\n".encode("utf-8", "surrogateescape"))
    return hash.hexdigest()
