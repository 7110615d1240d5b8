"""gage plot: a metric of runs as a chart in the terminal."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, TypeGuard

import typer

from gage.axis import mark_text, mark_texts, round_marks
from gage.cli import complain, print_records
from gage.clock import iso
from gage.errors import NotFoundError, UsageError
from gage.fields import TIMES, field
from gage.filters import Filters
from gage.json_text import json_text
from gage.porcelain.choosing import chosen, chosen_or_newest
from gage.porcelain.colour import is_coloured, is_plain
from gage.porcelain.options import Json, Limit, Nul, Place, Specs
from gage.porcelain.runs import moment, short_id
from gage.porcelain.table import table_lines
from gage.porcelain.window import terminal_height, terminal_width
from gage.row import Row
from gage.scalar import Scalar
from gage.series import Series, is_drawable, read_series, thinned
from gage.shown import shown_line

Metric = Annotated[str, typer.Argument(metavar="METRIC", help="a metric of the runs")]
X = Annotated[str, typer.Option("--x", metavar="X", help="step, time, or the name of a flag")]

PROG = "gage plot"
WIDTH, HEIGHT = 80, 20
"""Of a chart in a pipe."""

_TALLEST = 30
_COLOURS = ("cyan", "orange", "green", "magenta", "red", "blue")
_CODES = ("36", "33", "32", "35", "31", "34")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LINE = "⣀⠤⠒⠉"
_PLAIN = str.maketrans("┌┐└┘├┤┬┴┼─│●", "+++++++++-|*")
_NEEDED = ("build", "clear_figure", "limit_size", "plot_size", "theme", "uncolorize")


class RunCurve(NamedTuple):
    """What is drawn of a run."""

    row: Row
    points: list[tuple[float, float]]


def plot(
    place: Place,
    filters: Filters,
    metric: Metric,
    specs: Specs = [],
    limit: Limit = None,
    x: X = "step",
    json: Json = False,
    nul: Nul = False,
) -> int:
    """Draw a metric of runs in the terminal: of the newest one, unless told otherwise."""
    if nul and not json:
        raise UsageError("-z ends records, and a chart has none", "--json -z")
    over_runs = x not in ("step", "time")
    choose = chosen if over_runs else chosen_or_newest
    rows = choose(place.home, specs, filters, limit)
    if over_runs:
        pairs = _final_values(rows, metric, x)
        if json:
            records = [{"id": r.id, "metric": metric, "x": a, "value": b} for r, a, b in pairs]
            return _print_json(records, nul)
        _draw_points(metric, x, pairs)
        return 0
    found = _all_series(rows, metric)
    if json:
        return _print_json([_series_facts(row, metric, series) for row, series in found], nul)
    curves = [RunCurve(row, _points(row, series, x)) for row, series in found]
    curves = [curve for curve in curves if curve.points]
    if not curves:
        raise NotFoundError(f"{metric}: no value that can be drawn over the {x}")
    _draw_curves(metric, x, curves)
    return 0


def _all_series(rows: Sequence[Row], metric: str) -> list[tuple[Row, Series]]:
    """The series of each run that has one. Raises NotFoundError where none has."""
    found = []
    for row in rows:
        series, complaints = read_series(row.run, [metric], defined=False)
        for line in complaints:
            complain(PROG, f"{short_id(row)}: {line}")
        if metric in series:
            found.append((row, series[metric]))
        elif len(rows) > 1:
            complain(PROG, f"{short_id(row)}: no values of {metric}")
    if found:
        return found
    which = short_id(rows[0]) if len(rows) == 1 else f"{len(rows)} runs"
    message = f"{which}: no values of {metric}"
    numbers = sorted({name for row in rows for name, v in row.config.items() if _is_number(v)})
    if any(metric in row.metrics for row in rows) and numbers:
        x = next((name for name in numbers if len({row.config.get(name) for row in rows}) > 1), "")
        raise NotFoundError(
            f"{message} but the last", f"gage plot {metric} --x {x or numbers[0]} draws these"
        )
    raise NotFoundError(message, _known(rows))


def _known(rows: Sequence[Row]) -> str:
    names = {name for row in rows for name in row.metrics}
    for row in rows[:10]:
        names |= set(read_series(row.run).series)
    if not names:
        return "a line such as `loss: 0.3` on the output is a value; gage help gage-file"
    return f"it has {', '.join(sorted(names))}" if len(rows) == 1 else ", ".join(sorted(names))


def _final_values(rows: Sequence[Row], metric: str, x: str) -> list[tuple[Row, float, float]]:
    of = field(x)
    pairs = []
    for row in rows:
        at = [value for value in of(row) if _is_number(value)]
        value: Any = row.metrics.get(metric)
        if at and value is None:
            series = read_series(row.run, [metric], defined=False).series.get(metric)
            value = series.points[-1].value if series else None
        if at and _is_number(value):
            pairs.append((row, at[0], value))
    if not pairs:
        if not any(_is_number(value) for row in rows for value in of(row)):
            names = sorted({n for row in rows for n, v in row.config.items() if _is_number(v)})
            hint = f"such are {', '.join(names)}" if names else ""
            raise NotFoundError(f"--x {x}: no number in these runs", hint)
        raise NotFoundError(f"{len(rows)} runs: no values of {metric}", _known(rows))
    if len(pairs) < len(rows):
        missing = len(rows) - len(pairs)
        have = "has" if missing == 1 else "have"
        complain(PROG, f"{missing} of {len(rows)} runs {have} no {metric}, or no {x}")
    return pairs


def _is_number(value: Scalar) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_drawable(value)


def _print_json(records: Sequence[dict[str, Any]], nul: bool) -> int:
    print_records(map(json_text, records), nul=nul)
    return 0


def _series_facts(row: Row, metric: str, series: Series) -> dict[str, Any]:
    points = [
        {"step": point.step, "value": point.value}
        | ({} if point.time is None else {"time": iso(point.time)})
        for point in series.points
    ]
    return {"id": row.id, "metric": metric, "points": points}


def _points(row: Row, series: Series, x: str) -> list[tuple[float, float]]:
    points = [point for point in series.points if _is_number(point.value)]
    if x == "step":
        return [(point.step, point.value) for point in points]
    timed = [(point.time, point.value) for point in points if point.time is not None]
    start = row.started or (timed[0][0] if timed else 0)
    return [((time - start) / 1_000_000, value) for time, value in timed]


def _draw_curves(metric: str, x: str, curves: Sequence[RunCurve]) -> None:
    plt = _plotext()
    coloured, alone, plain = is_coloured(), len(curves) == 1, is_plain()
    label = "seconds since the start" if x == "time" else "step"
    width = _begin(plt, metric, label, len(curves))
    marks, codes = [], []
    for number, curve in enumerate(curves):
        xs, ys = zip(*thinned(curve.points, 4 * width), strict=True)
        letter = "*" if alone else _LETTERS[number % len(_LETTERS)]
        mark = letter
        if not plain and (alone or (coloured and number < len(_COLOURS))):
            mark = _LINE
        style = {"color": _COLOURS[number % len(_COLOURS)]} if coloured else {}
        plt.plot(xs, ys, marker="braille" if mark == _LINE else letter, **style)
        marks.append(mark)
        codes.append(_CODES[number % len(_CODES)])
    every = [point for curve in curves for point in curve.points]
    _mark(plt, width, [x for x, _ in every], [y for _, y in every], whole=x == "step")
    _show(plt, coloured)
    columns = [
        [short_id(curve.row) for curve in curves],
        [curve.row.operation for curve in curves],
        [curve.row.label or curve.row.settings for curve in curves],
        [f"{curve.points[-1][1]:.6g}" for curve in curves],
    ]
    columns_left = terminal_width()
    room = max(map(len, marks))
    left = None if columns_left is None else columns_left - room - 2
    # The mark may be coloured, and is no text of a run: a table would show its codes.
    for mark, code, line in zip(marks, codes, table_lines(columns, width=left), strict=True):
        painted = f"\033[{code}m{mark}\033[0m" if coloured else mark
        print(f"{painted}{' ' * (room - len(mark))}  {line}")


def _draw_points(metric: str, x: str, pairs: Sequence[tuple[Row, float, float]]) -> None:
    plt = _plotext()
    xs: list[float] = [at for _, at, _ in pairs]
    ys = [value for *_, value in pairs]
    label = x
    if x in TIMES:
        first = int(min(xs))
        xs = [(at - first) / 1_000_000 for at in xs]
        label = f"{x}, in seconds since {moment(first)}"
    logarithmic = x not in TIMES and min(xs) > 0 and max(xs) >= 100 * min(xs)
    width = _begin(plt, metric, f"{x} (logarithmic)" if logarithmic else label, 0)
    coloured = is_coloured()
    _mark(plt, width, xs, ys)
    if logarithmic:
        xs = [math.log10(x) for x in xs]
        ticks = sorted({math.floor(x) for x in xs} | {math.ceil(x) for x in xs})
        plt.xticks(ticks, [mark_text(10.0**tick) for tick in ticks])
    plt.scatter(xs, ys, marker="●", **({"color": _COLOURS[0]} if coloured else {}))
    _show(plt, coloured)


def _plotext() -> Any:
    try:
        import plotext
    except ImportError:
        raise UsageError(
            "plotext, which draws charts, is not installed here",
            "pip install 'gage[plot]', or use --json",
        ) from None
    # An environment may have any release of it: 6 has the name, and is another library.
    if not all(hasattr(plotext, name) for name in _NEEDED):
        version = shown_line(str(getattr(plotext, "__version__", "of no known version")))
        raise UsageError(
            f"plotext {version}: gage needs 5", "pip install 'gage[plot]', or use --json"
        )
    return plotext


def _begin(plt: Any, metric: str, label: str, below: int) -> int:
    """Begin a chart with room for so many lines *below* it; returns its width."""
    width, lines = terminal_width(), terminal_height()
    height = HEIGHT if lines is None else max(8, min(_TALLEST, lines - below - 3))
    print(shown_line(metric))
    plt.clear_figure()
    plt.theme("clear")
    plt.limit_size(False, False)
    plt.plot_size(max(width or WIDTH, 20), height)
    plt.xlabel(shown_line(label))
    return width or WIDTH


def _mark(
    plt: Any, width: int, xs: Sequence[float], ys: Sequence[float], *, whole: bool = False
) -> None:
    across = round_marks(min(xs), max(xs), max(2, width // 14), whole=whole)
    up = round_marks(min(ys), max(ys), 6)
    plt.xticks(across, mark_texts(across))
    plt.yticks(up, mark_texts(up))


def _show(plt: Any, coloured: bool) -> None:
    text: str = plt.build()
    if not coloured:
        text = plt.uncolorize(text)
    if is_plain():
        text = text.translate(_PLAIN)
    print("\n".join(line.rstrip() for line in text.rstrip("\n").split("\n")))
