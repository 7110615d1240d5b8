import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.json_text import json_text
from tests.porcelain.place import gage, write_run
from tests.programs import program

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def strictly(text):
    """What a parser makes of *text* that takes RFC 8259 alone."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@given(values)
def test_any_value_is_a_line_that_every_parser_takes(value):
    text = json_text(value)
    assert "\n" not in text
    assert repr(strictly(text)) == repr(without_what_is_not_finite(value))


def without_what_is_not_finite(value):
    if isinstance(value, dict):
        return {key: without_what_is_not_finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_what_is_not_finite(item) for item in value]
    return None if value in (float("inf"), float("-inf")) or value != value else value


@pytest.mark.parametrize(
    "words",
    [
        *("gage runs", "gage show", "gage compare", "gage select", "gage ls"),
        *("gage runs diff", "gage-ls-runs", "gage-read-config conf.yaml"),
    ],
)
def test_what_is_no_number_is_null_to_programs(tmp_path, words):
    home = str(tmp_path / ".gage" / "runs")
    for number, loss in ((1, float("nan")), (2, float("-inf"))):
        facts = {"summary.json": json.dumps({"metrics": {"loss": loss}})}
        write_run(home, number, config={"lr": float("inf")}, facts=facts)
    (tmp_path / "conf.yaml").write_text("lr: .nan\n")
    program_, *rest = words.split()
    run = gage if program_ == "gage" else lambda *more, cwd: program(program_, *more, cwd=cwd)
    told = run(*rest, "--json", cwd=tmp_path)
    assert told.out
    for line in told.out.splitlines():
        strictly(line)
