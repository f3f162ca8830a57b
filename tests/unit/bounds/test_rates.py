"""Limits: what is counted, how long a refused one waits, how much is remembered, and which notations are taken."""

from __future__ import annotations

import asyncio
import logging
import time
import tracemalloc
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.bounds.rates import KEYS, NO_ADDRESS, Counters, Rate, Rates, TooMany, address_key
from api.serve import _as_peers
from coordinator.errors import Misconfigured, RateLimited
from coordinator.models import Identity
from coordinator.settings import RATES, Settings, load_settings


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.123

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The time of the limits alone."""
    clock = Clock()
    for module in ("api.bounds.rates", "limits.aio.storage.memory", "limits.aio.strategies"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(time=clock.time))
    yield clock


def rates(**settings: object) -> Rates:
    return Rates(Settings(_env_file=None, **settings))  # type: ignore[arg-type, call-arg]


def someone() -> Identity:
    return Identity(user_id=uuid4(), role="authenticated", claims={})


@pytest.mark.parametrize("notation", ["10/minute", "3/second", "7/2 hours", "100/day", "5/minute;20/hour"])
@pytest.mark.parametrize("begin", [0.0, 0.3, 17.9, 59.99])
async def test_so_many_pass_and_after_the_told_wait_one_more_does(notation: str, begin: float, clock: Clock) -> None:
    clock.now += begin
    rate = Rate(notation)
    allowed = int(notation.split("/")[0])
    assert [await rate.hit("a") for _ in range(allowed)] == [None] * allowed
    for _ in range(50):
        while (wait_s := await rate.hit("a")) is None:
            pass
        assert isinstance(wait_s, int) and wait_s >= 1
        clock.now += wait_s
        assert await rate.hit("a") is None
    assert await rate.hit("b") is None


@given(st.lists(st.floats(0, 30), min_size=1, max_size=120))
def test_a_window_of_any_beginning_lets_at_most_twice_the_limit_through(gaps: list[float]) -> None:
    """The counter reckons that the window before was evenly filled; that bounds what a burst at its edge can gain."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        for module in ("api.bounds.rates", "limits.aio.storage.memory", "limits.aio.strategies"):
            patch.setattr(f"{module}.time", SimpleNamespace(time=clock.time))
        rate = Rate("5/minute")
        passed: list[float] = []

        async def go() -> None:
            for gap in gaps:
                clock.now += gap
                if await rate.hit("a") is None:
                    passed.append(clock.now)

        asyncio.run(go())
    for begin in passed:
        assert sum(begin <= at < begin + 60 for at in passed) <= 10
    assert len(passed) >= min(len(gaps), 5)


async def test_what_is_refused_is_not_counted_by_any_of_several_limits(clock: Clock) -> None:
    rate = Rate("2/second;6/day")
    for _ in range(3):
        assert [await rate.hit("a") for _ in range(2)] == [None, None]
        refused = [await rate.hit("a") for _ in range(10)]
        assert None not in refused
        clock.now += 3
    wait_s = await rate.hit("a")
    assert wait_s is not None and wait_s > 3600


async def test_off_is_no_limit() -> None:
    rate = Rate("off")
    assert {await rate.hit("a") for _ in range(10_000)} == {None}


async def test_many_at_once_can_not_all_be_the_last() -> None:
    rate = Rate("10/minute")
    waits = await asyncio.gather(*(rate.hit("a") for _ in range(100)))
    assert waits.count(None) == 10


async def test_counters_are_bounded_and_the_newest_stay() -> None:
    most = 5_000
    counters = Counters(most)
    limiter, limit = SlidingWindowCounterRateLimiter(counters), RateLimitItemPerMinute(1)
    tracemalloc.start()
    used = []
    for number in range(4 * most):
        await limiter.hit(limit, f"2001:db8:{number:x}::/64")
        if number % most == most - 1:
            used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(counters) == len(counters.storage) == most and not counters.locks and not counters.events
    assert max(used) < 400 * most and used[3] < used[1] * 1.1
    assert not await limiter.hit(limit, f"2001:db8:{4 * most - 1:x}::/64")


async def test_counters_that_are_over_are_dropped(clock: Clock) -> None:
    counters = Counters()
    limiter, limit = SlidingWindowCounterRateLimiter(counters), RateLimitItemPerMinute(1)
    for number in range(1000):
        await limiter.hit(limit, str(number))
    clock.now += 121
    await limiter.hit(limit, "next")
    assert len(counters) == len(counters.storage) == 1


async def test_a_hit_costs_the_same_however_many_are_remembered() -> None:
    async def cost_s(rate: Rate) -> float:
        """The quickest of many: what else the machine does only ever adds."""
        best = 1.0
        for number in range(300):
            began = time.perf_counter()
            await rate.hit(f"new {number}")
            # A turn of the loop, for what a hit may leave to be done behind it.
            await asyncio.sleep(0)
            best = min(best, time.perf_counter() - began)
        return best

    empty, full = Rate("600/minute"), Rate("600/minute")
    for number in range(KEYS):
        await full.hit(str(number))
    assert await cost_s(full) < 10 * await cost_s(empty)


async def test_a_limit_that_breaks_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(*_: object, **__: object) -> bool:
        raise OSError("the counters are gone")

    monkeypatch.setattr(SlidingWindowCounterRateLimiter, "test", breaks)
    with caplog.at_level(logging.ERROR):
        assert [await Rate("1/day").hit("a") for _ in range(3)] == [None] * 3
    assert "a rate limit could not be applied" in caplog.text and "the counters are gone" in caplog.text


# -- Who is counted --------------------------------------------------------------------------------------------------


async def test_users_and_addresses_are_counted_apart() -> None:
    limits = rates(rate_rest="1/hour")
    one, other = someone(), someone()
    await limits.rest(one, "192.0.2.1")
    await limits.rest(other, "192.0.2.1")
    await limits.rest(None, "192.0.2.1")
    await limits.rest(None, "192.0.2.2")
    for caller, host in ((one, "198.51.100.7"), (None, "192.0.2.1"), (None, "::ffff:192.0.2.2")):
        with pytest.raises(RateLimited):
            await limits.rest(caller, host)


async def test_a_request_that_is_repeated_costs_nothing() -> None:
    limits = rates(rate_start="2/hour")
    writer, other = someone(), someone()
    await limits.start(writer, "a")
    await limits.start(writer, None)
    for _ in range(5):
        await limits.start(writer, "a")
    for request_id in ("b", None, "b"):
        with pytest.raises(RateLimited) as caught:
            await limits.start(writer, request_id)
        assert caught.value.retry_after_s and not isinstance(caught.value, TooMany)
    await limits.start(other, "b")


async def test_connections_of_a_user_are_given_back_however_they_end() -> None:
    limits = rates(connections_per_user=2)
    writer = someone()
    for _ in range(3):
        with limits.connected(writer), pytest.raises(ZeroDivisionError), limits.connected(writer):
            with limits.connected(someone()), pytest.raises(TooMany, match="may have .2.: close one") as caught:
                with limits.connected(writer):
                    raise AssertionError("a third is let in")
            assert caught.value.retry_after_s is None
            raise ZeroDivisionError
    assert not limits._open


async def test_a_connection_that_goes_on_however_often_it_is_refused_is_ended() -> None:
    limits = rates(rate_frame="5/hour")
    number, other = await limits.connect("192.0.2.1"), await limits.connect("192.0.2.1")
    assert number != other
    for _ in range(5):
        await limits.frame(number)
    for _ in range(100):
        with pytest.raises(RateLimited) as refused:
            await limits.frame(number)
        assert not isinstance(refused.value, TooMany) and refused.value.retry_after_s
    with pytest.raises(TooMany):
        await limits.frame(number)
    await limits.frame(other)


# -- Addresses -------------------------------------------------------------------------------------------------------


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_its_own_however_it_is_written(address: IPv4Address) -> None:
    assert address_key(str(address)) == address_key(f"::ffff:{address}") == str(address)


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_of_a_customer_s_ipv6_addresses_are_one(address: IPv6Address, host: int) -> None:
    if address.ipv4_mapped is not None:
        return
    neighbour = IPv6Address((int(address) >> 64 << 64) + host)
    if neighbour.ipv4_mapped is None:
        assert address_key(str(address)) == address_key(neighbour.exploded) == address_key(f"{address}%eth0")
    assert address in IPv6Network(address_key(str(address)))


@given(st.none() | st.text(max_size=60))
def test_what_is_no_address_is_one_and_the_same(host: str | None) -> None:
    key = address_key(host)
    assert key == NO_ADDRESS or ip_network(key)


@given(st.ip_addresses(), st.booleans())
def test_a_proxy_is_known_by_either_kind_of_its_address(address: IPv4Address | IPv6Address, mapped: bool) -> None:
    trusted = ProxyHeadersMiddleware(None, list(_as_peers([str(address)]))).trusted_hosts  # type: ignore[arg-type]
    assert str(address) in trusted
    if address.version == 4:
        assert f"::ffff:{address}" in trusted
    assert "203.0.113.9" not in trusted or str(address) == "203.0.113.9"


# -- Settings --------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(1, 10**6), st.sampled_from(["second", "Minutes", "hour", "days"])), min_size=1, max_size=4
    ),
    st.sampled_from([";", " ; ", ",", "|"]),
)
def test_the_notation_of_the_library_is_taken(limits: list[tuple[int, str]], separator: str) -> None:
    notation = separator.join(f"{number}/{period}" for number, period in limits)
    settings = Settings(_env_file=None, rate_rest=notation)  # type: ignore[call-arg]
    assert asyncio.run(Rate(settings.rate_rest, keys=8).hit("a")) is None


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9]{1,3} ?(/|per) ?[0-9]{0,4} ?[a-z;, ]{1,9}\Z"))
def test_any_text_is_a_limit_or_one_clear_sentence(text: str) -> None:
    try:
        settings = load_settings(_env_file=None, rate_frame=text)
    except Misconfigured as error:
        assert error.message == (
            "The settings are not valid: STORYLOOM_RATE_FRAME: a limit is number/period, as 10/minute or "
            "10/minute;100/day, or off. See .env.example."
        )
    else:
        assert asyncio.run(Rate(settings.rate_frame, keys=8).hit("a")) is None


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize(
    "value", ["ten a minute", "0/minute", "10/fortnight", "10", "off/minute", "1/9999 days", "10/minute;5"]
)
def test_a_wrong_limit_is_told_by_its_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"STORYLOOM_{name.upper()}", value)
    with pytest.raises(Misconfigured, match=f"STORYLOOM_{name.upper()}: a limit is number/period"):
        load_settings(_env_file=None)


@pytest.mark.parametrize("value", ["OFF", " off "])
def test_off_is_off_in_any_spelling(value: str) -> None:
    assert Settings(_env_file=None, rate_rest=value).rate_rest == "off"  # type: ignore[call-arg]


@pytest.mark.parametrize("value", ["balancer", "10.0.0.1/8", "10.0.0.256", "*", "10.0.0.1:80", "127.0.0.1, nginx"])
def test_a_proxy_that_would_never_be_known_is_told(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYLOOM_TRUSTED_PROXIES", value)
    with pytest.raises(Misconfigured, match="STORYLOOM_TRUSTED_PROXIES: a proxy is an IP address, or a network"):
        load_settings(_env_file=None)


def test_the_defaults_are_limits() -> None:
    rates()
