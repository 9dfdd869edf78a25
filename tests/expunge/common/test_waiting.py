"""Asynchronous work is waited for with and without an event loop in the same thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from expunge.common.waiting import wait_for


async def _answer(of: int) -> tuple[int, int]:
    await asyncio.sleep(0)
    return of * 2, threading.get_ident()


async def _broken() -> None:
    raise ValueError("no answer")


def test_without_a_loop_the_work_is_done_in_this_thread() -> None:
    assert wait_for(_answer(21)) == (42, threading.get_ident())


def test_inside_a_running_loop_the_work_gets_its_own_thread() -> None:
    async def program() -> tuple[int, int]:
        return wait_for(_answer(21))

    answer, thread = asyncio.run(program())
    assert answer == 42
    assert thread != threading.get_ident()


def test_an_error_of_the_work_is_the_callers() -> None:
    async def program() -> None:
        wait_for(_broken())

    with pytest.raises(ValueError, match="no answer"):
        wait_for(_broken())
    with pytest.raises(ValueError, match="no answer"):
        asyncio.run(program())
