"""The links of a pipeline: each leads to a run beside it, which names the pipeline."""

import os
from collections.abc import Iterator

from gage.errors import GageError
from gage.finding import Finding
from gage.life import Life
from gage.meta_files import Facts, definition_of, read_meta_file, text_of
from gage.pipeline import StepLink, find_links, named_steps
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
    id = text_of(facts, "id")
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
        elif id and (parent := _parent(link.run_dir)) != id:
            named = f"names {parent} as its pipeline" if parent else "names no pipeline"
            trouble = f"leads to {link.run_dir}, which {named}"
            yield Finding(run.run_dir, "error", "link", path, trouble, f"gage-fsck {link.run_dir}")


def _parent(run_dir: str) -> str:
    return os.fsdecode(read_meta_file(run_dir + ".meta", "parent")).removesuffix("\n")
