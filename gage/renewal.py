"""The values of another attempt: those of the run as it is, with new ones in their place."""

from collections.abc import Mapping

from gage.config import read_config, unknown_key
from gage.flags import Resolved
from gage.opdef import OpDef, config_selectors, forced_names, raw_steps
from gage.operation import resolve
from gage.recorded import given_names, recorded_config
from gage.run import Run
from gage.scalar import format_value


def renewed_config(run: Run, opdef: OpDef, source: str, given: Mapping[str, str]) -> Resolved:
    """The config of *run* with the values *given*, texts, in place of those it has.

    *source* is the directory with the source code that the values will be written into:
    the run dir, or a project to be staged anew, which may have other names than the run.
    Raises ConfigError for a name that is not known, and for a value that cannot be.
    """
    assert run.opref is not None
    selectors = config_selectors(opdef)
    constants = read_config(source, selectors) if selectors else {}
    recorded = recorded_config(run)
    if source == run.run_dir:
        for name in given:
            if name not in recorded and not (":" in name and raw_steps(opdef)):
                raise unknown_key(name, recorded)
        kept = recorded
    else:
        kept = {name: recorded[name] for name in given_names(run) if name in recorded}
    texts = {name: format_value(value) for name, value in kept.items()} | dict(given)
    resolved = resolve(run.opref, opdef, constants, texts, force=bool(forced_names(opdef)))
    return resolved._replace(given=list(dict.fromkeys([*given_names(run), *given])))
