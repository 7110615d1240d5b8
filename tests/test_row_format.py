import shlex

import pytest

from gage.errors import UsageError
from gage.row import read_row
from gage.row_format import parse_format
from tests.written import row_of_all_kinds, write_run


@pytest.fixture
def row(tmp_path):
    return row_of_all_kinds(tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("plain", "plain"),
        ("%(status)", "completed"),
        ("%(op) %(operation) %(opname) %(namespace)", "m1:train m1:train train m1"),
        ("%(id:short)", "4f000000"),
        ("%(parent:short)", ""),
        ("%(started) %(started:iso)", "1500000 1970-01-01T00:00:01.500000Z"),
        ("%(exit)", "0"),
        ("%(lr) %(config.lr) %(metrics.lr)", "0.5 0.5 7.0"),
        ("%(flag)|%(none)|%(unknown)|%(metrics.none)", "yes|||"),
        ("%(tags)|%(tag)", "a,b|a,b"),
        ("%(label)", "best\\x1b[2J"),
        ("%(text)", "a\\tb\\\\\\n"),
        ("100%%", "100%"),
        ("a%09b%0ac", "a\tb\nc"),
        ("%00", "\0"),
        ("%ff", "\udcff"),
        ("%(config.a:b)", ""),
    ],
)
def test_a_format_is_filled_in(row, text, line):
    assert parse_format(text)(row) == line


@pytest.mark.parametrize("text", ["%", "50% of", "%(id", "%()", "%(id:iso)", "%(lr:short)", "%x0"])
def test_a_format_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError):
        parse_format(text)


def test_without_escaping_values_are_as_they_are(row):
    assert parse_format("%(text)", escape=False)(row) == "a\tb\\\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%(if)%(label)%(then)has%(end)", "has"),
        ("%(if)%(nothing)%(then)has%(else)has none%(end).", "has none."),
        ("%(if)%(nothing)%(then)has%(end).", "."),
        ("%(if)  %09%(then)yes%(else)white space is nothing%(end)", "white space is nothing"),
        ("%(if:equals=completed)%(status)%(then)done%(end)", "done"),
        ("%(if:equals=comp)%(status)%(then)done%(else)not%(end)", "not"),
        ("%(if:notequals=completed)%(status)%(then)bad%(else)%(lr)%(end)", "0.5"),
        ("%(if:equals=)%(parent)%(then)top%(end)", "top"),
        ("%(if:equals=a=b:c)a=b:c%(then)same%(end)", "same"),
        ("%(if)%(if)%(lr)%(then)1%(end)%(then)[%(if)%(x)%(then)x%(else)y%(end)]%(end)", "[y]"),
        ("%(if)%(lr)%(then)%(text:left=9)|%%%(end)", "a\\tb\\\\\\n |%"),
        ("%(if:equals=a%09b\\%0a)%(text)%(then)x%(else)raw is compared%(end)", "raw is compared"),
    ],
)
def test_a_format_chooses(row, text, line):
    assert parse_format(text)(row) == line


@pytest.mark.parametrize(
    "text",
    [
        *("%(if)", "%(if)a", "%(if)a%(then)", "%(if)a%(then)b%(else)c", "%(if)a%(else)b%(end)"),
        *("%(then)", "%(else)", "%(end)", "%(if)a%(end)", "%(if)a%(then)b%(then)c%(end)"),
        *("%(if:equals)a%(then)b%(end)", "%(if:like=a)a%(then)b%(end)", "%(if)" * 5000),
        *("%(if)a%(then)b%(else)c%(else)d%(end)", "%(iff)%(end)"),
        *(
            "%(if)" * 101 + "a" + "%(then)b%(end)" * 101,
            "%(if)a%(then)" * 250 + "b" + "%(end)" * 250,
        ),
    ],
)
def test_a_choice_that_is_not_whole_is_refused(text):
    with pytest.raises(UsageError):
        parse_format(text)


def test_choices_may_be_deep_and_many(row):
    assert parse_format("%(if)" * 100 + "a" + "%(then)b%(end)" * 100)(row) == "b"
    assert parse_format("%(if)a%(then)" * 100 + "b" + "%(end)" * 100)(row) == "b"
    assert parse_format("%(if)a%(then)b%(end)" * 1000)(row) == "b" * 1000


def test_for_a_shell_a_choice_is_one_word(row):
    line = parse_format("x=%(if)%(lr)%(then)the %(text)%(end) y=%(none)", shell=True)(row)
    assert shlex.split(line) == ["x=the a\tb\\\n", "y="]


def test_a_flag_called_as_a_word_of_formats_has_its_whole_name(tmp_path):
    run = write_run(tmp_path, config={"if": 1, "end": 2})
    row = read_row(run.home, run.name)
    assert parse_format("%(config.if) %(config.end)")(row) == "1 2"
