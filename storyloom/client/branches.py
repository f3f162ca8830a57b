"""The branches of a chat as far as they are known: what is shown, what stands beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from storyloom.client.events import Moved
from storyloom.client.things import Message, Thing

MESSAGES_KEPT = 200
"""As many as a snapshot brings; and so many that are not shown."""


class Branches(Thing):
    """`messages` are those of the branch that is shown, which ends with the number `head`, in their order; `aside` are
    others that were heard of. It is `stale` where something is to be shown that was never told here: a snapshot has
    it."""

    messages: tuple[Message, ...] = ()
    aside: tuple[Message, ...] = ()
    head: int = 0
    stale: bool = False

    def with_message(self, message: Message) -> Branches:
        """What was just said: after the head it is shown, anywhere else it waits for a `branch.changed`."""
        known = self._known()
        again = known.get(message.seq)
        if again is not None:
            known[message.seq] = message.model_copy(update={"siblings": again.siblings})
            return self._laid(known, self.head)
        sure = _joined(known, message)
        stale = self.stale or not sure
        shown = message.follows == self.head
        return self._laid(known, message.seq if shown else self.head, stale=stale)

    def switched(self, head: int, moved: Iterable[Moved] = ()) -> Branches:
        """The branch that ends with `head`, after messages have `moved` behind others."""
        known, stale = self._known(), self.stale
        for move in moved:
            message = known.pop(move.seq, None)
            if message is None:
                stale = True
                continue
            _left(known, message)
            stale |= not _joined(known, message.model_copy(update={"parent_seq": move.parent_seq, "siblings": None}))
        return self._laid(known, head, stale=stale)

    def _known(self) -> dict[int, Message]:
        return {message.seq: message for message in (*self.aside, *self.messages)}

    def _laid(self, known: dict[int, Message], head: int, *, stale: bool | None = None) -> Branches:
        """The branch to `head`, out of all messages that are known."""
        chain: list[Message] = []
        seq = head
        while seq in known and len(chain) < MESSAGES_KEPT:
            chain.append(known.pop(seq))
            seq = chain[-1].follows
        first = self.messages[0].seq if self.messages else 0
        # It may go back further than is known here, as what is shown now does; but not end in the middle of nowhere.
        whole = seq == 0 or len(chain) == MESSAGES_KEPT or (bool(chain) and chain[-1].seq == first)
        # What the branch has before its newest MESSAGES_KEPT is not kept, as a snapshot does not bring it.
        while len(chain) == MESSAGES_KEPT and seq in known:
            seq = known.pop(seq).follows
        aside = tuple(known[seq] for seq in sorted(known)[-MESSAGES_KEPT:])
        told = self.stale if stale is None else stale
        return Branches(messages=tuple(reversed(chain)), aside=aside, head=head, stale=told or not whole)


def taken(messages: Iterable[Message], head: int) -> Branches:
    """The branch that a snapshot shows."""
    alone = (
        message.model_copy(update={"siblings": None}) if len(message.siblings or ()) < 2 else message
        for message in messages
    )
    return Branches(messages=tuple(alone)[-MESSAGES_KEPT:], head=head)


def _joined(known: dict[int, Message], message: Message) -> bool:
    """Puts a message among the known, and beside its siblings. Whether those are known for sure."""
    beside = [one for one in known.values() if one.follows == message.follows]
    family = {message.seq}.union(*(one.siblings or (one.seq,) for one in beside))
    known[message.seq] = message
    _told(known, family)
    # Where no sibling is known there is none, if all is known that was said between.
    between = range(message.follows + 1, message.seq)
    return bool(beside) or (len(between) < len(known) and all(seq in known for seq in between))


def _left(known: dict[int, Message], message: Message) -> None:
    _told(known, set(message.siblings or ()) - {message.seq})


def _told(known: dict[int, Message], family: set[int]) -> None:
    siblings = tuple(sorted(family)) if len(family) > 1 else None
    for seq in family & known.keys():
        known[seq] = known[seq].model_copy(update={"siblings": siblings})
