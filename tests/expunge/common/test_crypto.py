"""Ciphertexts open in their own place only, and blind indexes tell equality and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.common.crypto import DecryptionError, blind_index, decrypt, encrypt, new_key


@given(st.binary(max_size=200), st.text(max_size=30))
def test_what_is_encrypted_opens_again(data: bytes, context: str) -> None:
    assert decrypt(encrypt(data, context=context), context=context) == data


def test_two_ciphertexts_of_one_text_differ() -> None:
    assert encrypt(b"same", context="c") != encrypt(b"same", context="c")


def test_a_ciphertext_moved_elsewhere_does_not_open() -> None:
    with pytest.raises(DecryptionError):
        decrypt(encrypt(b"data", context="here"), context="there")


@given(st.integers(min_value=0))
def test_a_changed_byte_does_not_open(place: int) -> None:
    data = bytearray(encrypt(b"data", context="c"))
    data[1 + place % (len(data) - 1)] ^= 1
    with pytest.raises(DecryptionError):
        decrypt(bytes(data), context="c")


def test_a_key_of_its_own_is_the_only_one_that_opens() -> None:
    key = new_key()
    data = encrypt(b"data", context="c", key=key)
    assert decrypt(data, context="c", key=key) == b"data"
    for other in (None, new_key()):
        with pytest.raises(DecryptionError):
            decrypt(data, context="c", key=other)


def test_a_new_master_key_still_opens_what_the_old_one_closed(settings: object) -> None:
    old = encrypt(b"data", context="c")
    index = blind_index("Erika", context="c")
    keys: list[str] = settings.EXPUNGE_MASTER_KEYS  # type: ignore[attr-defined]
    settings.EXPUNGE_MASTER_KEYS = ["22" * 32, *keys]  # type: ignore[attr-defined]
    assert decrypt(old, context="c") == b"data"
    assert blind_index("Erika", context="c") == index


def test_a_blind_index_ignores_case_and_spacing_and_minds_its_context() -> None:
    index = blind_index("Erika  Mustermann ", context="one")
    assert index == blind_index("erika mustermann", context="one")
    assert index != blind_index("erika mustermann", context="two")
    assert index != blind_index("erika mustermann x", context="one")
    assert len(index) == 32
