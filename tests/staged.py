"""A staged run made by hand: its facts are written as staging would, without a project."""

import hashlib
import os
from collections.abc import Mapping, Sequence

from gage.facts import put_fact, put_json
from gage.opref import OpRef, format_opref
from gage.run import Run, make_run, run_meta_path
from gage.scalar import Scalar


def staged_run(
    home: object,
    args: Sequence[str] | str,
    *,
    name: str = "one",
    env: Mapping[str, str] | None = None,
    config: Mapping[str, Scalar] | None = None,
    opdef: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
) -> Run:
    """A run in *home* that executes *args*; *files* are its source code, path to text."""
    run = make_run(OpRef("", "test"), str(home), name=name, sync="none")
    os.makedirs(run.meta_dir)
    put_fact(run, "__schema__", text="1")
    put_fact(run, "id", text=run.id)
    put_fact(run, "opref", text=format_opref(OpRef("", "test")))
    put_json(run, "opdef.json", value=dict(opdef or {}))
    put_json(run, "config.json", value=dict(config or {}))
    put_json(run, "proc", "cmd.json", value=args)
    put_json(run, "proc", "env.json", value=dict(env or {}))
    put_fact(run, "initialized", text="1")
    os.makedirs(run.run_dir)
    manifest = ""
    for path, text in (files or {}).items():
        target = os.path.join(run.run_dir, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(target, 0o555 if text.startswith("#!") else 0o444)
        manifest += f"s {hashlib.sha256(text.encode()).hexdigest()} {path}\n"
    with open(run_meta_path(run, "manifest"), "w", encoding="utf-8") as file:
        file.write(manifest)
    put_fact(run, "staged", text="2")
    return run
