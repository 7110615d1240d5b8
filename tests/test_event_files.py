import os
import sys

import pytest

from gage.event_files import read_scalars
from gage.run import Run
from tests.bounded import bounded
from tests.programs import program, write

pytest.importorskip("tensorboard")


@pytest.fixture
def run(tmp_path) -> Run:
    os.makedirs(tmp_path / "one")
    return Run(str(tmp_path / "one"), "", None)


def write_events(folder, values, *, tag="loss"):
    """Write an event file as TensorBoard does, with a value of each *tag*; return its path."""
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    os.makedirs(folder, exist_ok=True)
    before = set(os.listdir(folder))
    writer = EventFileWriter(str(folder))
    for number, value in enumerate(values):
        tags = [tag] if isinstance(tag, str) else tag
        scalars = [summary_pb2.Summary.Value(tag=name, simple_value=value) for name in tags]
        summary = summary_pb2.Summary(value=scalars)
        event = event_pb2.Event(step=number * 10, wall_time=1000.5 + number, summary=summary)
        writer.add_event(event)
    writer.close()
    (name,) = set(os.listdir(folder)) - before
    return os.path.join(folder, name)


def test_scalars_are_read_with_step_and_time(run):
    write_events(f"{run}/logs", [1.0, 0.5])
    found = read_scalars(run)
    assert found.by_tag == {"loss": [(0, 1.0, 1_000_500_000), (10, 0.5, 1_001_500_000)]}
    assert (found.before, found.complaints) == ({"loss": 0}, [])


def test_a_tag_of_several_directories_is_named_after_each(run):
    write_events(f"{run}/train", [1.0])
    write_events(f"{run}/valid", [2.0])
    write_events(f"{run}/valid", [3.0], tag="acc")
    assert sorted(read_scalars(run).by_tag) == ["acc", "train/loss", "valid/loss"]


def test_many_tags_are_named_in_time_that_grows_with_their_number(run):
    write_events(f"{run}/logs", [1.0], tag=[f"tag {number}" for number in range(60_000)])
    write_events(f"{run}/more", [1.0], tag="tag 7")

    def work():
        found = read_scalars(run).by_tag
        assert len(found) == 60_001
        assert {"tag 6", "logs/tag 7", "more/tag 7"} <= found.keys()

    assert bounded(work, seconds=20) == ""


@pytest.mark.parametrize("keep", [0, 5, 30, 60, -3])
def test_an_event_file_may_be_cut_anywhere(run, keep):
    path = write_events(f"{run}/logs", [1.0, 0.5])
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[:keep])
    found = read_scalars(run)
    assert len(found.by_tag.get("loss", [])) == (1 if keep == -3 else 0)


@pytest.mark.parametrize("data", [b"\xff" * 1000, b"\0" * 1000, b"no event file\n" * 100])
def test_what_is_no_event_file_does_no_harm(run, data):
    with open(f"{run}/x.tfevents.1", "wb") as file:
        file.write(data)
    assert read_scalars(run).by_tag == {}


def test_no_link_and_no_fifo_is_read(run, tmp_path):
    outside = write_events(tmp_path / "outside", [1.0])
    os.symlink(outside, f"{run}/x.tfevents.1")
    os.symlink(tmp_path / "outside", f"{run}/logs")
    os.mkfifo(f"{run}/y.tfevents.1")
    assert read_scalars(run) == ({}, {}, [])


def test_without_the_reader_it_is_said_what_to_install(run, monkeypatch):
    path = write_events(f"{run}/logs", [1.0])
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    (complaint,) = read_scalars(run).complaints
    assert complaint == (
        f"logs/{os.path.basename(path)}: no reader for TensorBoard event files: "
        "pip install 'gage[tensorboard]'"
    )


def test_a_reader_that_is_not_whole_is_told(run, tmp_path):
    path = write_events(f"{run}/logs", [1.0])
    place = str(tmp_path / "packages")
    write(f"{place}/tensorboard/__init__.py", "")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from gage.event_files import read_scalars; from gage.run import Run\n"
        "print(*read_scalars(Run(sys.argv[2], '', None)).complaints)"
    )
    told = program(sys.executable, "-c", script, place, str(run))
    assert told.out.startswith(f"logs/{os.path.basename(path)}: its reader is not whole: ")
    assert told.out.endswith(": pip install 'gage[tensorboard]'\n")


def test_more_than_a_limit_is_not_read(run, monkeypatch):
    monkeypatch.setattr("gage.event_files.EVENT_LIMIT", 10)
    write_events(f"{run}/logs", [1.0])
    found = read_scalars(run)
    assert found.by_tag == {}
    assert found.complaints[0].endswith("not read")


def test_a_run_dir_that_is_gone_has_none(run):
    os.rmdir(run.run_dir)
    assert read_scalars(run) == ({}, {}, [])
