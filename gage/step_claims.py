"""The links of a pipeline: each leads to a run beside it, of the operation of its step.

The run was made for the pipeline, or for another, and is linked where it need not run again.
"""

import os
from collections.abc import Iterator

from gage.batch import MARK
from gage.errors import GageError
from gage.finding import Finding
from gage.life import Life
from gage.meta_files import Facts, definition_of, read_meta_file, text_of
from gage.opref import parse_opref
from gage.pipeline import StepLink, find_links, full_names, named_steps
from gage.run import RUN_ID, Run


def links_at(run: Run, facts: Facts) -> list[StepLink]:
    """The link of each step of *run*, there or not, and any other that leads to a run."""
    opdef = definition_of(facts)
    steps = named_steps(opdef) if opdef else []
    try:
        links = find_links(run, steps)
    except (GageError, OSError):
        return []
    names = {step.name for step in steps}
    return [
        link
        for link in links
        if link.name in names or RUN_ID.fullmatch(os.path.basename(link.run_dir))
    ]


def check_links(run: Run, facts: Facts, life: Life, links: list[StepLink]) -> Iterator[Finding]:
    """What is wrong with the *links* of *run*."""
    if life.phase == "pending":
        return
    names = _names(facts)
    begun = int(text_of(facts, "initialized") or 0)
    for link in links:
        path = f"{run.name}/{link.name}"
        anew = f"gage restart {run} makes the step anew"
        if link.state == "missing":
            trouble = "the step has no link"
            yield Finding(run.run_dir, "warning", "link", path, trouble, anew)
        elif link.state == "dangling":
            trouble = f"leads to no run: {link.run_dir} is gone"
            hint = f"gage runs restore brings it back from the trash; {anew}"
            yield Finding(run.run_dir, "warning", "link", path, trouble, hint)
        elif link.state == "unexpected":
            trouble = "is no link to a run beside the pipeline"
            hint = f"remove it; {anew}"
            yield Finding(run.run_dir, "error", "link", path, trouble, hint)
        elif (opref := _text(link, "opref")) and not _is_of(opref, names.get(link.name, [])):
            trouble = f"leads to {link.run_dir}, a run of another operation than its step"
            yield Finding(run.run_dir, "error", "link", path, trouble, f"remove it; {anew}")
        elif not _text(link, "parent") and _number(link, "initialized") > begun:
            # What was needed once more was there before; this was made for a pipeline.
            trouble = f"leads to {link.run_dir}, which does not name its pipeline"
            yield Finding(run.run_dir, "warning", "link", path, trouble)


def _names(facts: Facts) -> dict[str, list[str]]:
    """What the operation of each step may be called; nothing for one that was made by hand."""
    opdef = definition_of(facts)
    try:
        pipeline = parse_opref(text_of(facts, "opref"))
        steps = named_steps(opdef) if opdef else []
    except GageError:
        return {}
    return {s.name: full_names(s.step, pipeline) for s in steps if s.step.operation}


def _is_of(opref: str, names: list[str]) -> bool:
    try:
        return not names or str(parse_opref(opref)).removesuffix(MARK) in names
    except GageError:
        return True  # the run's own check tells of it


def _text(link: StepLink, fact: str) -> str:
    return os.fsdecode(read_meta_file(link.run_dir + ".meta", fact)).removesuffix("\n")


def _number(link: StepLink, fact: str) -> int:
    text = _text(link, fact)
    return int(text) if text.isdecimal() and len(text) < 20 else 0
