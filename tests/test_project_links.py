"""A link that stays in the project leads to the same place in a copy of it."""

import os

import pytest

from gage.project_links import inner_target


@pytest.fixture
def here(tmp_path):
    project = tmp_path / "project"
    (project / "data" / "inner").mkdir(parents=True)
    (project / "data" / "file").touch()
    (project / "src").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "alias").symlink_to("project")
    (project / "to-data").symlink_to("data")
    (project / "to-outside").symlink_to("../outside")
    (project / "straight").symlink_to(str(project / "data" / "inner"))
    (project / "a").symlink_to("b")
    (project / "b").symlink_to("a")
    return str(project)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("link", "data/file"),
        ("src/link", "../data/file"),
        ("src/link", "./../data//file/"),
        ("link", "."),
        ("src/link", ".."),
        ("link", "nothing/there"),
        ("src/link", "../nothing"),
        ("link", "link"),
        ("link", "a"),
        ("link", "a/x"),
        ("link", "to-data/inner"),
        ("link", "to-data/inner/../file"),
        ("link", "straight/../file"),
    ],
)
def test_a_link_that_stays_inside_is_kept_as_it_is(here, path, target):
    assert inner_target(here, path, target) == target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("link", "../outside"),
        ("link", ".."),
        ("src/link", "../.."),
        ("link", "/etc/passwd"),
        ("link", "/"),
        ("link", "../outside/nothing"),
        ("link", "to-outside"),
        ("link", "to-outside/x"),
        ("link", "to-data/../../outside"),
        ("link", "../projector"),
    ],
)
def test_a_link_that_leads_out_has_no_place_in_a_copy(here, path, target):
    assert inner_target(here, path, target) is None


@pytest.mark.parametrize(
    ("path", "target", "straight"),
    [
        ("link", "{project}/data/file", "data/file"),
        ("src/link", "{project}/data/file", "../data/file"),
        ("src/link", "{project}", ".."),
        ("link", "{project}/nothing", "nothing"),
        ("link", "{parent}/alias/data/file", "data/file"),
        ("link", "../project/data/file", "data/file"),
        ("link", "../alias/data", "data"),
        ("src/link", "../../project/src/../data", "../data"),
        ("link", "{project}/to-data/file", "data/file"),
        ("link", "{project}/a", "a"),
    ],
)
def test_a_link_that_comes_back_goes_straight_in_a_copy(here, path, target, straight):
    target = target.format(project=here, parent=os.path.dirname(here))
    assert inner_target(here, path, target) == straight


def test_an_absolute_link_through_a_link_that_leads_out_leads_out(here):
    assert inner_target(here, "link", f"{here}/to-outside") is None
