"""What every test starts from."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.place import copy_project, environment

# A slow machine is no defect, and a function's fixtures may well outlive its examples.
settings.register_profile(
    "gage", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("gage")


@pytest.fixture(autouse=True)
def known_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home and a mask of its own, and nothing of the caller's gage, Git or Python settings."""
    before, mask = dict(os.environ), os.umask(0o022)
    os.environ.clear()
    os.environ.update(environment(str(tmp_path_factory.mktemp("home"))))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.umask(mask)


@pytest.fixture
def project(tmp_path: "os.PathLike[str]") -> str:
    """The project of the manual: ``train.py`` with two numbers, and a gage file."""
    return copy_project("train", os.path.join(tmp_path, "project"))
