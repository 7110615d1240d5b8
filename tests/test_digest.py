"""Digests agree with the programs that others check them with."""

import os
from hashlib import sha256

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from gage.digest import CHUNK, algorithm_of, digest_fd, link_digest, new_hash
from gage.errors import ConfigError

SIZES = [0, 1, 65535, 65536, 65537, CHUNK, CHUNK + 65536, CHUNK + 65537, 3 * CHUNK + 5]


def digest_of(path, algorithm):
    fd = os.open(path, os.O_RDONLY)
    try:
        return digest_fd(fd, algorithm)
    finally:
        os.close(fd)


@pytest.mark.parametrize("size", SIZES)
def test_the_whole_file_is_digested(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    assert digest_of(tmp_path / "file", "sha256") == sha256(data).hexdigest()
    assert digest_of(tmp_path / "file", "blake3") == f"blake3:{blake3(data).hexdigest()}"


def test_the_offset_of_the_descriptor_does_not_matter(tmp_path):
    (tmp_path / "file").write_bytes(b"hello")
    with open(tmp_path / "file", "rb") as file:
        file.read(3)
        assert digest_fd(file.fileno(), "sha256") == sha256(b"hello").hexdigest()


def test_an_unknown_algorithm_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="md5") as caught:
        new_hash("md5")
    assert caught.value.hint == "one of sha256, blake3"


def test_a_digest_names_its_algorithm(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert algorithm_of(digest_of(tmp_path / "file", "sha256")) == "sha256"
    assert algorithm_of(digest_of(tmp_path / "file", "blake3")) == "blake3"
    assert algorithm_of(link_digest("file")) == "link"


@given(st.binary(min_size=1))
def test_a_link_has_the_digest_of_the_bytes_it_holds(target):
    assert link_digest(os.fsdecode(target)) == f"link:{sha256(target).hexdigest()}"
