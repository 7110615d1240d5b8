"""Digests agree with the programs that others check them with."""

import os
from hashlib import sha256

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from gage.digest import CHUNK, SPARSE, algorithm_for, algorithm_of, digest_fd, link_digest, new_hash
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


def sparse_reference(size, pieces):
    """The digest of gage-run-dir(5), of a file of so many bytes with *pieces* at offsets."""
    blocks = {}
    for offset, data in pieces.items():
        for at, byte in enumerate(data, offset):
            blocks.setdefault(at // 4096, bytearray(4096))[at % 4096] = byte
    hash = sha256(size.to_bytes(8, "big"))
    for number in sorted(blocks):
        block = blocks[number][: max(size - number * 4096, 0)]
        if any(block):
            hash.update((number * 4096).to_bytes(8, "big") + block)
    return f"sparse-sha256:{hash.hexdigest()}"


# Files whose every block may be data, zeros that are stored, or a hole.
kinds = st.lists(st.sampled_from(["data", "zeros", "hole"]), max_size=150)


@given(kinds, kinds, st.integers(0, 5000), st.binary(min_size=1, max_size=9))
def test_a_sparse_digest_does_not_depend_on_how_zeros_are_stored(
    tmp_path_factory, a, b, tail, data
):
    folder = tmp_path_factory.mktemp("sparse")
    size = len(a) * 4096 + tail
    pieces = {i * 4096 + 17 * i % 4000: data for i, kind in enumerate(a) if kind == "data"}
    for name, zeros in (("a", a), ("b", b)):
        with open(folder / name, "wb") as file:
            for number, kind in enumerate(zeros[: len(a)]):
                if kind == "zeros":
                    os.pwrite(file.fileno(), bytes(4096), number * 4096)
            for offset, piece in pieces.items():
                os.pwrite(file.fileno(), piece, offset)
            file.truncate(size)
    wanted = sparse_reference(size, pieces)
    assert {digest_of(folder / name, "sparse-sha256") for name in "ab"} == {wanted}
    assert digest_of(folder / "a", "sparse-blake3") != wanted
    with open(folder / "b", "r+b") as file:
        file.truncate(size + 1)
    assert digest_of(folder / "b", "sparse-sha256") == sparse_reference(size + 1, pieces) != wanted


@given(st.dictionaries(st.integers(0, 1 << 41), st.binary(min_size=1, max_size=9000), max_size=8))
def test_a_sparse_digest_is_that_of_the_manual_at_any_size(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("sparse") / "file"
    with open(path, "wb") as file:
        for offset, data in pieces.items():
            os.pwrite(file.fileno(), data, offset)
    size = os.stat(path).st_size
    told = []
    with open(path, "rb") as file:
        fd = file.fileno()
        assert digest_fd(fd, "sparse-sha256", told.append) == sparse_reference(size, pieces)
        holes = size - 4096 * sum(2 + len(data) // 4096 for data in pieces.values())
        wanted = "sparse-sha256" if holes > 1 << 30 else "sha256"
        if size > 1 << 31 or size < 1 << 30:
            assert algorithm_for(fd, os.fstat(fd), "sha256") == wanted
    assert sum(told) >= size
    os.unlink(path)


def test_a_file_that_is_not_mostly_holes_is_digested_whole(tmp_path):
    with open(tmp_path / "file", "w+b") as file:
        file.truncate(1 << 30)
        assert algorithm_for(file.fileno(), os.fstat(file.fileno()), "blake3") == "blake3"
        file.truncate((1 << 30) + 1)
        assert algorithm_for(file.fileno(), os.fstat(file.fileno()), "blake3") == f"{SPARSE}blake3"
