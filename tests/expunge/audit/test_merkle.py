"""The tree against the published roots of Certificate Transparency, and against every forgery."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit import merkle
from expunge.audit.merkle import ProofError

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [merkle.leaf_hash(data) for data in LEAVES]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root(merkle.nodes_of(HASHES[:size]), size).hex() == ROOTS[size]


def test_an_inclusion_proof_is_the_published_one() -> None:
    path = merkle.inclusion_proof(merkle.nodes_of(HASHES), 5, 8)
    assert [item.hex() for item in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def hashes(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(index).encode()) for index in range(count)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 31])
def test_every_entry_of_a_tree_is_proven_and_no_other_hash_is(size: int) -> None:
    leaves = hashes(size)
    node = merkle.nodes_of(leaves)
    root = merkle.root(node, size)
    for index in range(size):
        path = merkle.inclusion_proof(node, index, size)
        merkle.verify_inclusion(leaves[index], index, size, path, root)
        with pytest.raises(ProofError):
            merkle.verify_inclusion(merkle.leaf_hash(b"other"), index, size, path, root)
        with pytest.raises(ProofError):
            merkle.verify_inclusion(leaves[index], index, size, [*path, root], root)
        with pytest.raises(ProofError):
            merkle.verify_inclusion(leaves[index], size, size, path, root)


@given(st.integers(1, 70).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new))))
def test_a_log_that_only_grew_is_consistent(sizes: tuple[int, int]) -> None:
    first, second = sizes
    node = merkle.nodes_of(hashes(second))
    old, new = merkle.root(node, first), merkle.root(node, second)
    path = merkle.consistency_proof(node, first, second)
    merkle.verify_consistency(first, second, path, old, new)
    with pytest.raises(ProofError):
        merkle.verify_consistency(first, second, path, merkle.leaf_hash(b"other"), new)
    with pytest.raises(ProofError):
        merkle.verify_consistency(first, second, [*path, new], old, new)


def test_a_rewritten_log_is_not_consistent() -> None:
    honest, forged = hashes(11), [*hashes(4), merkle.leaf_hash(b"forged"), *hashes(11)[5:]]
    old = merkle.root(merkle.nodes_of(honest), 6)
    node = merkle.nodes_of(forged)
    with pytest.raises(ProofError, match="does not begin"):
        merkle.verify_consistency(
            6, 11, merkle.consistency_proof(node, 6, 11), old, merkle.root(node, 11)
        )


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no entry"):
        merkle.inclusion_proof(merkle.nodes_of(HASHES), index, size)
