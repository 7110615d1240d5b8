"""The beginning of a run: its meta dir, made with all that is known before it starts.

The whole of it is built in ``.tmp`` and renamed to its place, so that it is there with
everything in it, or not at all.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from gage import clock
from gage.acting import expect_our_home
from gage.building import building
from gage.clock import Clock
from gage.durable import Sync, create, sync_dir
from gage.errors import StateError, UsageError
from gage.facts import format_json, log_line
from gage.opdef import OpCmd, OpDef, default_label, default_tags
from gage.operation import Prepared
from gage.opref import format_opref
from gage.removing import remove_abandoned, remove_tree
from gage.run import SCHEMA, Run, make_home, make_lock_dir, make_run, sync_home, tmp_dir
from gage.said import add_tags, check_sayings, set_label
from gage.scalar import Scalar
from gage.secret import masked
from gage.system import system_attributes


def init_run_meta(
    run: Run,
    opdef: OpDef,
    config: Mapping[str, Scalar],
    cmd: OpCmd,
    *,
    given: Sequence[str] = (),
    parent: str = "",
    system: Mapping[str, Any] | None = None,
    now: Clock = clock.now,
) -> None:
    """Make the meta dir of *run*; it appears whole, or not at all.

    *config* is flat, dotted key to scalar; *given* names the keys that a person set;
    *parent* is the ID of the pipeline that the run is a step of; *system* becomes the
    facts ``sys/NAME.json``. Raises StateError where something is in the way.
    """
    make_home(run.home)
    expect_our_home(run.home)
    if os.path.lexists(run.run_dir) or os.path.lexists(run.meta_dir):
        raise StateError(f"{run}: already exists", "choose another name, or end it in / for an ID")
    sync_home(run.home, run.sync)
    make_lock_dir(run)
    assert run.opref is not None
    facts = {
        "__schema__": SCHEMA,
        "id": run.id,
        "opref": format_opref(run.opref),
        "opdef.json": format_json(opdef.data),
        "config.json": format_json(masked(opdef, config)),
        "proc/cmd.json": format_json(cmd.args),
        "proc/env.json": format_json(cmd.env),
    }
    facts |= {f"sys/{name}.json": format_json(value) for name, value in (system or {}).items()}
    if given:
        facts["given.json"] = format_json(list(given))
    if parent:
        facts["parent"] = parent
    stamp = now()
    facts["log/runner"] = log_line(f"initialized {run.opref}", stamp)
    facts["initialized"] = str(stamp)
    tmp = tmp_dir(run)
    remove_abandoned(tmp)
    new = os.path.join(tmp, os.urandom(12).hex())
    try:
        with building(new, 0o775):
            _write_tree(new, facts, run.sync)
            os.rename(new, run.meta_dir)
    except OSError as error:
        error.filename = run.meta_dir
        with contextlib.suppress(OSError):
            remove_tree(new)
        if os.path.lexists(run.meta_dir):
            raise StateError(f"{run}: already exists") from None
        raise
    sync_dir(run.home, run.sync)


def init_run(
    run_dir: str,
    prepared: Prepared,
    project: str,
    *,
    id: str = "",
    label: str = "",
    tags: Sequence[str] = (),
    parent: str = "",
    sync: Sync = "commit",
    now: Clock = clock.now,
) -> Run:
    """Begin a run of the operation *prepared* from the directory *project* at *run_dir*.

    A *run_dir* that ends in ``/`` is a runs home, where the run gets its ID for a name.
    The operation's own label and tags hold where none are given. Raises as init_run_meta,
    and UsageError for a name, a label or a tag that cannot be.
    """
    if not run_dir:
        raise UsageError("the run dir has no name", "./ is the current directory")
    label = label or default_label(prepared.opdef)
    tags = [*default_tags(prepared.opdef), *tags]
    check_sayings(label, tags)
    home, name = os.path.split(run_dir)
    run = make_run(prepared.opref, home or ".", name=name, id=id, sync=sync)
    init_run_meta(
        run,
        prepared.opdef,
        prepared.config,
        prepared.cmd,
        given=prepared.given,
        parent=parent,
        system=system_attributes(project),
        now=now,
    )
    try:
        if label:
            set_label(run, label, now)
        if tags:
            add_tags(run, tags, now)
    except OSError:
        # What was refused is not there, so that the same can be tried again.
        from gage.trash import discard_run

        with contextlib.suppress(OSError):
            discard_run(run)
        raise
    return run


def _write_tree(top: str, facts: Mapping[str, str], sync: Sync) -> None:
    made = {top}
    for name, text in facts.items():
        path = os.path.join(top, name)
        if os.path.dirname(path) not in made:
            os.mkdir(os.path.dirname(path), 0o775)
            made.add(os.path.dirname(path))
        mode = 0o664 if name == "log/runner" else 0o444
        create(path, (text + "\n").encode("utf-8", "surrogateescape"), mode=mode, sync=sync)
    for directory in sorted(made, reverse=True):
        sync_dir(directory, sync)
