"""`Claims` on frames."""

from __future__ import annotations

import asyncio

import pytest

from topgun.ws.claims import Claims


async def test_oldest_matching_claim_takes_the_frame() -> None:
    """A frame goes to the oldest claim that accepts it, and to one only."""
    claims = Claims("here")
    assert not claims.open
    first, second = claims.expect(lambda msg: msg == 1), claims.expect(lambda msg: msg in (1, 2))
    assert claims.open
    assert not claims.take(3)
    assert claims.take(1)
    assert claims.take(1)  # the next one: the first is satisfied
    assert not claims.take(1)
    assert (await first, await second) == (1, 1)
    assert not claims.open


async def test_d31_frame_is_not_in_the_repr_of_who_waits_for_it() -> None:
    """D31: what a claim got is in no repr: a venue may quote the login in its answer."""
    claims = Claims("here")
    shown: list[str] = []

    async def login() -> None:
        claim = claims.expect(lambda msg: True)
        shown.append(repr(claim))
        await claim
        shown.append(repr(claim))

    task = asyncio.ensure_future(login())
    await asyncio.sleep(0)
    assert claims.take({"quoted": "s3cr3t"})
    shown.append(repr(task))  # it has its frame, but has not gone on
    await task
    shown.append(repr(task))
    assert "s3cr3t" not in " ".join(shown)
    assert len(shown) == 4


async def test_cancelled_claim_takes_nothing() -> None:
    """A claim that was cancelled lets the frame pass."""
    claims = Claims("here")
    task = asyncio.ensure_future(claims.expect(lambda msg: True))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert not claims.take(1)
    assert not claims.open


async def test_match_that_fails_is_no_match(caplog: pytest.LogCaptureFixture) -> None:
    """A match that cannot read a frame is logged and does not keep others from it."""
    claims = Claims("ws://here/x")
    claims.expect(lambda msg: msg["op"] == "auth")
    other = claims.expect(lambda msg: msg == [1])
    assert claims.take([1])
    assert await other == [1]
    assert "ws://here/x: a claim could not read a frame" in caplog.text


async def test_end_fails_open_and_later_claims() -> None:
    """The end of the connection raises ConnectionError in open claims and in those made afterwards."""
    claims = Claims("here")
    taken, cancelled, open_ = (claims.expect(lambda msg: True) for _ in range(3))
    assert claims.take(1)
    cancelled.over.cancel()
    claims.end()
    later = claims.expect(lambda msg: True)
    for claim in (open_, later):
        with pytest.raises(ConnectionError, match="has ended"):
            await claim
    assert await taken == 1
