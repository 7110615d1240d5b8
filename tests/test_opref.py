import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import ConfigError
from gage.opref import OpRef, format_opref, parse_opname, parse_opref

# A file that is an operation may have any name, bytes that are no UTF-8 included.
names = st.text(
    st.characters(codec="utf-8") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
)


@given(names, names, names)
def test_an_opref_reads_back_as_itself_from_one_line(namespace, name, version):
    opref = OpRef(namespace, name, version)
    line = format_opref(opref)
    assert "\n" not in line
    assert parse_opref(line) == opref


@given(st.text())
def test_any_other_line_is_refused_or_read(line):
    try:
        opref = parse_opref(line)
    except ConfigError:
        return
    assert isinstance(opref, OpRef)


@pytest.mark.parametrize(
    "line",
    ["", "2", "2 ", "2 x", "1 x y", "3 x y", '2 "x y', "2 1 2 3 4", '2 "x"y z'],
)
def test_a_line_that_is_none_is_refused(line):
    with pytest.raises(ConfigError, match="expected `2 NAMESPACE NAME`"):
        parse_opref(line)


def test_the_line_is_that_of_the_format():
    assert format_opref(OpRef("", "train")) == '2 "" train'
    assert format_opref(OpRef("m1", "train")) == "2 m1 train"
    assert format_opref(OpRef("m1", "train it", "2")) == '2 m1 "train it" 2'


def test_a_person_puts_the_namespace_before_a_colon():
    assert parse_opname("train") == OpRef("", "train")
    assert parse_opname("m1:train") == OpRef("m1", "train")
    assert str(parse_opname("m1:train")) == "m1:train"
