"""The nearest right word to one that is none, for the hint of an error."""

import os
from collections.abc import Iterable

LISTED = 20
"""So many words that are known are all told, where none of them is near."""

FAR = 0.15
"""What is so much less like the word than another is not what was meant."""


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Those of *known* that somebody may have meant who wrote *word*, the likeliest first."""
    from difflib import SequenceMatcher, get_close_matches

    lower: dict[str, list[str]] = {}
    for name in known:
        lower.setdefault(name.lower(), []).append(name)
    word = word.lower()
    if word in lower:
        return lower[word][:most]
    near = get_close_matches(word, lower, n=most, cutoff=0.6)
    likeness = [SequenceMatcher(None, name, word).ratio() for name in near]
    near = [name for name, like in zip(near, likeness, strict=True) if like > likeness[0] - FAR]
    # What is written further than it was typed is near, too, however much is missing of it.
    if len(word) > 1:
        near += [name for name in lower if name.startswith(word) and name not in near]
    return [name for match in near for name in lower[match]][:most]


def did_you_mean(word: str, known: Iterable[str], before: str = "") -> str:
    """A hint that names what is nearest to *word*, or all that is known where it is little.

    *before* is what a person would write in front of it.
    """
    known = list(known)
    if near := nearest(word, known):
        return f"did you mean {' or '.join(before + name for name in near)}?"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= LISTED else ""


def nearest_file(path: str) -> str:
    """A hint that names what is in the directory of *path* and nearest to its name."""
    directory, name = os.path.split(path)
    try:
        return did_you_mean(name, sorted(os.listdir(directory)))
    except OSError:
        return ""
