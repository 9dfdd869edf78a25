"""Merkle trees of RFC 6962: hashes, roots, inclusion and consistency proofs.

Pure mathematics over SHA-256: no database, no Django, so that the offline verifier shares it.
A tree is read through a function ``node(level, index)`` that returns the hash of the complete
subtree of ``2**level`` leaves which starts at leaf ``index * 2**level``; every root and every
proof follows from such nodes, so a proof in a log of a million entries reads about 40 of them.

Source: RFC 6962, section 2.1; verification as in RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

Node = Callable[[int, int], bytes]

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not prove what it is held up for."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of an entry; the prefix keeps leaves and inner nodes apart."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def nodes_of(leaves: Sequence[bytes]) -> Node:
    """Return a node reader over leaf hashes held in memory."""
    levels: list[list[bytes]] = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        whole = len(below) - len(below) % 2
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, whole, 2)])
    return lambda level, index: levels[level][index]


def root(node: Node, size: int) -> bytes:
    """Return the root of the tree of the first ``size`` leaves."""
    return _subtree(node, 0, size) if size else EMPTY_ROOT


def inclusion_proof(node: Node, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves, lowest first.

    Raises:
        ValueError: There is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} entries has no entry {index}")
    path: list[bytes] = []
    start, width = 0, size
    while width > 1:
        half = _split(width)
        if index - start < half:
            path.append(_subtree(node, start + half, width - half))
            width = half
        else:
            path.append(_subtree(node, start, half))
            start, width = start + half, width - half
    return path[::-1]


def consistency_proof(node: Node, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of ``first`` leaves is a prefix of that of ``second``.

    Raises:
        ValueError: ``first`` is zero or larger than ``second``.
    """
    if not 0 < first <= second:
        raise ValueError(f"a tree of {first} entries is no prefix of one of {second}")
    path: list[bytes] = []
    start, width, wanted, whole = 0, second, first, True
    while wanted != width:
        half = _split(width)
        if wanted <= half:
            path.append(_subtree(node, start + half, width - half))
            width = half
        else:
            path.append(_subtree(node, start, half))
            start, width, wanted, whole = start + half, width - half, wanted - half, False
    if not whole:
        path.append(_subtree(node, start, width))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes
) -> None:
    """Raise :class:`ProofError` unless ``leaf`` is entry ``index`` of the tree with that root."""
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is outside a log of {size} entries")
    here, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if here % 2 or here == last:
            value = node_hash(sibling, value)
            while here % 2 == 0 and here:
                here, last = here >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        here, last = here >> 1, last >> 1
    if last != 0:
        raise ProofError("the inclusion proof is too short")
    if value != expected:
        raise ProofError("the inclusion proof leads to another root than the one signed")


def verify_consistency(  # noqa: C901 - the published algorithm, step by step
    first: int, second: int, path: Sequence[bytes], old: bytes, new: bytes
) -> None:
    """Raise :class:`ProofError` unless the second tree begins with the first."""
    if not 0 < first <= second:
        raise ProofError(f"a log of {second} entries cannot continue one of {first}")
    if first == second:
        if path or old != new:
            raise ProofError("two logs of one size have different roots")
        return
    nodes = list(path)
    if first & (first - 1) == 0:
        nodes.insert(0, old)
    if not nodes:
        raise ProofError("the consistency proof is too short")
    here, last = first - 1, second - 1
    while here % 2:
        here, last = here >> 1, last >> 1
    was = now = nodes[0]
    for item in nodes[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if here % 2 or here == last:
            was, now = node_hash(item, was), node_hash(item, now)
            while here % 2 == 0 and here:
                here, last = here >> 1, last >> 1
        else:
            now = node_hash(now, item)
        here, last = here >> 1, last >> 1
    if last != 0 or was != old or now != new:
        raise ProofError("the newer log does not begin with the older one")


def _split(width: int) -> int:
    """Return the largest power of two smaller than ``width``."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(node: Node, start: int, width: int) -> bytes:
    if width & (width - 1) == 0 and start % width == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    half = _split(width)
    return node_hash(_subtree(node, start, half), _subtree(node, start + half, width - half))
