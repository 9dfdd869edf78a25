"""The tree is the one of RFC 6962, and its proofs hold exactly when they should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit import merkle

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
# Published roots of the Certificate Transparency reference implementation, sizes 1 to 8.
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def subtree_of(hashes: list[bytes]) -> merkle.Subtree:
    return lambda level, index: merkle.root_of(hashes[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]
    assert merkle.root_of(hashes).hex() == ROOTS[size - 1]
    assert merkle.range_hash(subtree_of(hashes), 0, size).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root_of([]) == merkle.EMPTY_ROOT
    assert merkle.range_hash(subtree_of([]), 0, 0) == merkle.EMPTY_ROOT


@given(st.integers(1, 70), st.data())
def test_every_leaf_proves_its_place_and_no_other(size: int, data: st.DataObject) -> None:
    hashes = [merkle.leaf_hash(bytes([number])) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root, path = merkle.root_of(hashes), merkle.inclusion_proof(subtree_of(hashes), index, size)
    assert merkle.included(hashes[index], index, size, path, root)
    assert not merkle.included(merkle.leaf_hash(b"other"), index, size, path, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda value: value != index or size == 1))
    if size > 1:
        assert not merkle.included(hashes[index], other, size, path, root)
    assert not merkle.included(hashes[index], index, size, [*path, root], root)


@given(st.integers(1, 70), st.data())
def test_a_longer_log_proves_that_it_only_grew(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    hashes = [merkle.leaf_hash(bytes([number])) for number in range(new)]
    old_root, new_root = merkle.root_of(hashes[:old]), merkle.root_of(hashes)
    path = merkle.consistency_proof(subtree_of(hashes), old, new)
    assert merkle.consistent(old, new, old_root, new_root, path)
    altered = merkle.root_of([merkle.leaf_hash(b"altered"), *hashes[1:old]])
    assert not merkle.consistent(old, new, altered, new_root, path)


def test_a_leaf_outside_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="not in a tree of 3"):
        merkle.inclusion_proof(subtree_of([b""] * 3), 3, 3)
    assert not merkle.included(b"", 3, 3, [], b"")
