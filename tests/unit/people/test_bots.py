"""Whom a bot speaks for: decided by its name and by what it calls a person, and by nothing else."""

from __future__ import annotations

import time
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.errors import InvalidMessage, NotFound, RateLimited
from coordinator.models import Identity
from coordinator.people.bots import LONGEST_S, Bot, BotUsers, bot_name

PEOPLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=200).filter(
    lambda text: text == text.strip(" \t")
)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,39}", fullmatch=True)


def test_it_stays_the_same() -> None:
    """Whoever was spoken for is found again by every later version."""
    assert Bot("discord", 0).id == UUID("1c34c49f-ef81-5acc-a918-a4bf5a025876")
    assert Bot("discord", 0).user("4711") == UUID("44f2dc03-9d44-52fe-8170-aa008bc47f30")
    assert Bot("discord", 1).user(" 4711\t") == Bot("discord", 2).user("4711")


@given(NAMES, PEOPLE, NAMES, PEOPLE)
def test_no_two_are_one(bot: str, person: str, other_bot: str, other: str) -> None:
    same = (bot, person) == (other_bot, other)
    assert (Bot(bot, 0).user(person) == Bot(other_bot, 0).user(other)) == same
    assert Bot(bot, 0).user(person) != Bot(other_bot, 0).id


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_any_text_names_a_person_or_is_refused_in_a_sentence(text: str) -> None:
    try:
        assert Bot("discord", 0).user(text) == Bot("discord", 0).user(text.strip(" \t"))
    except InvalidMessage as error:
        assert "X-User-ID" in error.message


@pytest.mark.parametrize("name", ["discord", "a", "0", "x" * 40, "whats.app_1-b"])
def test_what_a_bot_may_be_called(name: str) -> None:
    assert bot_name(name) == name


@pytest.mark.parametrize("name", ["", "A", "-a", ".a", "a b", "ä", "a\n", "x" * 41, "a/b"])
def test_what_it_may_not(name: str) -> None:
    with pytest.raises(InvalidMessage, match="small letters"):
        bot_name(name)


class Kept:
    """In the place of profiles, sign-ins and erasures: who is there, and what was asked."""

    def __init__(self) -> None:
        self.there: set[UUID | None] = set()
        self.erased: dict[UUID, float] = {}
        self.looked: list[UUID] = []
        self.made: list[Identity] = []
        self.full = False

    async def of(self, user_id: UUID) -> None:
        self.looked.append(user_id)
        if user_id not in self.there:
            raise NotFound("There is no such profile.")

    async def make(self, identity: Identity) -> None:
        self.made.append(identity)
        self.there.add(identity.user_id)

    def erased_at(self, user_id: UUID) -> float:
        return self.erased.get(user_id, 0)

    async def admit(self, bot: str) -> None:
        assert bot == "discord"
        if self.full:
            raise RateLimited("Too many.")

    def users(self) -> BotUsers:
        same = cast(Any, self)
        return BotUsers(same, same, same, self.admit)


async def test_one_is_looked_for_and_made_once() -> None:
    kept, bot = Kept(), Bot("discord", int(time.time()) + 60)
    users = kept.users()
    ada, made = await users.speaking(bot, "ada")
    assert made and kept.made[0].user_id == ada.user_id == bot.user("ada")
    kept.full = True
    again, made = await users.speaking(bot, "ada")
    assert (again.user_id, made, len(kept.looked)) == (ada.user_id, False, 1)
    with pytest.raises(RateLimited):
        await users.speaking(bot, "ben")
    assert len(kept.made) == 1
    # By another node, who only has to see that the user is there.
    assert (await kept.users().speaking(bot, "ada"))[1] is False and len(kept.made) == 1


async def test_who_was_erased_is_made_anew_and_is_of_after_that() -> None:
    kept, bot = Kept(), Bot("discord", int(time.time()) + 60)
    users = kept.users()
    before, _ = await users.speaking(bot, "ada")
    kept.there.clear()
    kept.erased[bot.user("ada")] = before.claims["iat"]
    after, made = await users.speaking(bot, "ada")
    assert made and len(kept.made) == 2 and after.claims["iat"] >= before.claims["iat"]


async def test_what_a_bots_user_is() -> None:
    now = int(time.time())
    user, _ = await Kept().users().speaking(Bot("discord", now + 60), "ada")
    assert user.role == "authenticated" and user.bot == "discord" and not user.is_admin
    assert user.claims["app_metadata"] == {"provider": "bot", "bot": "discord"} and user.claims["exp"] == now + 60
    user, _ = await Kept().users().speaking(Bot("discord", now + 10**8), "ada")
    assert user.claims["exp"] <= int(time.time()) + LONGEST_S, "a connection lasts no longer, whatever the token says"
