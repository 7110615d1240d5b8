"""The axis of a chart: the round numbers that are marked on it, and how they are written."""

import math
from collections.abc import Sequence


def round_marks(low: float, high: float, about: int = 5, *, whole: bool = False) -> list[float]:
    """Some *about* round numbers from *low* to *high*, at least one of them between the two.

    With *whole* they are whole numbers, where these are enough. Where *low* is *high*, it alone.
    """
    if not low < high:
        return [low]
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else 1e-300
    step = next((power * n for n in (1, 2, 2.5, 5) if power * n >= rough * 0.999), power * 10)
    if whole:
        step = max(1.0, math.ceil(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    marks = [number * step for number in range(first, last + 1)][: 4 * about + 4]
    return marks or [low]


def mark_texts(marks: Sequence[float]) -> list[str]:
    """The texts of *marks*, with as many digits as tell them apart."""
    texts: list[str] = []
    for digits in range(6, 18):
        texts = [mark_text(mark, digits) for mark in marks]
        if len(set(texts)) == len(set(marks)):
            break
    return texts


def mark_text(mark: float, digits: int = 6) -> str:
    """A number as it is written at an axis: ``0.25``, ``2000``, ``1e-05``."""
    text = f"{mark:.{digits}g}"
    return "0" if text == "-0" else text
