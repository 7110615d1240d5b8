from gage.facts import put_fact
from gage.row import read_row
from gage.run import Run
from tests.written import write_run


def test_a_row_says_what_the_facts_say(tmp_path):
    run = write_run(
        tmp_path,
        "m1:train",
        start=500,
        exit=-9,
        config={"lr": 0.1, "epochs": 3, "out": "a b", "hidden": 1},
        given=["lr"],
        opdef={"exec": "x", "flags": {"epochs": {"type": "int"}, "out": "m"}},
        metrics={"loss": 0.25},
        attributes={"note": "ok"},
        parent="f" * 32,
    )
    row = read_row(str(tmp_path), run.name)
    assert (row.id, row.name, row.run_dir) == (run.id, run.id, run.run_dir)
    assert (row.operation, row.opref) == ("m1:train", ("m1", "train", ""))
    assert (row.status, row.exit) == ("terminated", -9)
    assert (row.initialized, row.staged, row.started, row.stopped) == (498, 499, 500, 505)
    assert row.start == 500
    assert row.config == {"lr": 0.1, "epochs": 3, "out": "a b", "hidden": 1}
    assert row.settings == "lr=0.1 epochs=3 out=a b"
    assert (row.given, row.flags) == (("lr",), ("epochs", "out"))
    assert (row.metrics, row.attributes) == ({"loss": 0.25}, {"note": "ok"})
    assert (row.parent, row.label, row.tags, row.comments) == ("f" * 32, "", (), 0)
    assert row.run == Run(run.run_dir, run.id, row.opref)


def test_a_run_of_another_schema_is_unknown(tmp_path):
    run = write_run(tmp_path)
    put_fact(run, "__schema__", text="2")
    assert read_row(str(tmp_path), run.name).status == "unknown"
