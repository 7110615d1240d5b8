from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from gage.line_chart import HEIGHT, WIDTH, Curve, curve_class, svg_chart

NUMBERS = st.floats(-1e300, 1e300)


def places(chart):
    """Where the corners of all curves are."""
    paths = [path.get("d") for path in ElementTree.fromstring(chart).iter("path")]
    return [tuple(map(float, p.split())) for path in paths for p in path[1:].split("L")]


@given(st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1), min_size=1), st.text())
def test_every_curve_lies_in_the_picture_whatever_its_numbers(curves, name):
    chart = svg_chart(name, name, [Curve(name, i, points) for i, points in enumerate(curves)])
    for x, y in places(chart):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_more_is_higher_and_later_is_further_to_the_right():
    (x1, y1), (x2, y2) = places(svg_chart("loss", "step", [Curve("a", 0, [(1, 5), (2, 9)])]))
    assert x1 < x2 and y1 > y2


def test_a_curve_of_many_points_is_thinned():
    chart = svg_chart("loss", "step", [Curve("a", 0, [(i, i % 7) for i in range(100_000)])])
    assert len(chart) < 20_000


def test_the_colours_begin_anew_and_are_told_apart():
    assert curve_class(3) == "c3"
    assert curve_class(11) == "c3 again"


def test_names_are_text_and_no_elements():
    chart = svg_chart("<script>", "</svg>", [Curve('"><script>', 0, [(1, 1)])])
    assert {element.tag for element in ElementTree.fromstring(chart).iter()} == {
        *("svg", "line", "text", "g", "title", "path", "circle"),
    }
