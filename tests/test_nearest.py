import pytest

from gage.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("trian", ["train", "eval"], ["train"]),
        ("TRAIN", ["train", "eval"], ["train"]),
        ("epochs", ["Epochs", "lr"], ["Epochs"]),
        ("pre", ["prepare-the-data", "eval"], ["prepare-the-data"]),
        ("x", ["xylophone"], []),
        ("statsu", ["status", "started", "tags"], ["status"]),
        ("eval", [], []),
    ],
)
def test_what_is_near_is_found(word, known, near):
    assert nearest(word, known) == near


def test_a_hint_names_what_is_near_or_all_where_that_is_little():
    assert did_you_mean("trian", ["train", "eval"]) == "did you mean train?"
    assert did_you_mean("lable", ["label"], "--") == "did you mean --label?"
    assert did_you_mean("foo", ["train", "eval"]) == "known here: train, eval"
    assert did_you_mean("foo", [str(n) for n in range(30)]) == ""
    assert did_you_mean("foo", []) == ""
