"""An async client of the protocol: REST calls, and sessions watched over a WebSocket that reconnects by itself.

    async with await Client.anonymous("http://127.0.0.1:8000") as client:
        async for event in client.write("A lighthouse keeper finds a door in the sea."):
            print(event.type)

A story that is being written elsewhere is watched with `client.watch(session_id)`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID, uuid4

from storyloom.client.backoff import Reconnect
from storyloom.client.events import Event
from storyloom.client.link import Link
from storyloom.client.rest import Address, Http, Notice, TokenProvider
from storyloom.client.signin import Anonymous
from storyloom.client.talk import Talk
from storyloom.client.things import (
    Alternative,
    Draft,
    Message,
    Page,
    Said,
    Session,
    Step,
    Story,
    Talks,
    read,
)
from storyloom.client.watch import Watch
from storyloom.errors import ClientError


class Client:
    """A writer's connection to a server. Every method raises ClientError, and nothing else, where the server refuses
    or can't be reached.

    `token` stays the same; a `token_provider` is asked for one before every call, and once more (with True) when
    one was refused.
    `on_lost(error, wait_s)` is told when a watched connection broke, or a call came too fast for the server, and the
    next try is `wait_s` seconds away.
    `timeout_s` is how long an answer of REST may take. Raises ValueError for an address that is none, and a method does
    so for an id that is none.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        token_provider: TokenProvider | None = None,
        reconnect: Reconnect | None = None,
        on_lost: Notice | None = None,
        timeout_s: float = 30,
    ) -> None:
        self.on_lost = on_lost
        provider = token_provider or (_static(token) if token else None)
        self._link = Link(Address(url), provider, token_provider is not None, reconnect or Reconnect(), self._told_lost)
        self._http = Http(
            self._link.address, provider, timeout_s=timeout_s, backoff=self._link.reconnect, notice=self._told_lost
        )
        self._watches: set[Watch] = set()

    @classmethod
    async def anonymous(cls, url: str, *, reconnect: Reconnect | None = None, on_lost: Notice | None = None) -> Self:
        """A client that is a new anonymous writer, its token renewed in time. Its stories are that writer's, and
        nobody is that writer after the client's end. Raises ClientError `unauthorized` where the server lets
        no anonymous writers in."""
        provider = Anonymous(Address(url))
        await provider(False)
        return cls(url, token_provider=provider, reconnect=reconnect, on_lost=on_lost)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes all connections; what is being watched goes on at the server."""
        for watch in list(self._watches):
            await watch.close()
        await self._http.close()

    # Live

    def write(
        self,
        prompt: str,
        *,
        template: str | None = None,
        title: str | None = None,
        project_id: UUID | str | None = None,
        config: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Starts a story and yields its events until it is finished. Leaving the loop leaves the story writing.

        A connection lost before the answer repeats the request with the same `request_id` (made up where none is
        given), so that it is never a second story.
        """
        start = {
            "type": "story.start",
            "request_id": request_id or str(uuid4()),
            "prompt": prompt,
            "template": template,
            "title": title,
            "project_id": str(project_id) if project_id else None,
            "config": dict(config) if config else None,
        }
        return self._follow(Watch(self._link, start=start))

    async def watch(
        self, session_id: UUID | str, epoch: int | None = None, after_seq: int | None = None
    ) -> AsyncGenerator[Event, None]:
        """The session's events until it is finished: those after (`epoch`, `after_seq`), or a snapshot first.

        A session that was finished before the watch began is answered by one snapshot.
        """
        if after_seq is not None and (await self.session(session_id)).finished:
            epoch = after_seq = None
        watch = Watch(self._link, session_id=UUID(str(session_id)), epoch=epoch, after_seq=after_seq)
        async for event in self._follow(watch):
            yield event

    def talk(
        self,
        session_id: UUID | str | None = None,
        *,
        project_id: UUID | str | None = None,
        agent: str | None = None,
        model: str | None = None,
    ) -> Talk:
        """A chat to take part in: that one, or a new one with an agent (otherwise `muse`) and a model, in a project."""
        return Talk(
            self._link,
            self._http,
            self._follow,
            session_id=UUID(str(session_id)) if session_id else None,
            project_id=UUID(str(project_id)) if project_id else None,
            agent=agent,
            model=model,
        )

    def chat(
        self,
        text: str,
        *,
        session_id: UUID | str | None = None,
        project_id: UUID | str | None = None,
        agent: str | None = None,
        model: str | None = None,
        request_id: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Says something in a chat, or begins one with it, and yields its events until it is answered: see `Talk`."""
        talk = self.talk(session_id, project_id=project_id, agent=agent, model=model)
        return talk.say(text, request_id=request_id)

    async def _follow(self, watch: Watch) -> AsyncGenerator[Event, None]:
        self._watches.add(watch)
        try:
            async for event in watch.events():
                yield event
        finally:
            self._watches.discard(watch)
            await watch.close()

    def _told_lost(self, error: ClientError, wait_s: float) -> None:
        if self.on_lost is not None:
            self.on_lost(error, wait_s)

    # Sessions

    async def create_session(
        self,
        prompt: str,
        *,
        template: str | None = None,
        title: str | None = None,
        project_id: UUID | str | None = None,
        config: Mapping[str, Any] | None = None,
        asked_in: UUID | str | None = None,
        asked_call: str | None = None,
        request_id: str | None = None,
    ) -> Session:
        """Starts a story without watching it; kept on return, and written whether or not anybody watches.

        `prompt` has 1 to 20,000 characters; `config` is as docs/api.md says (`pages`, `tone`, `model`, `approvals` …).
        `asked_in` is the chat in which it was proposed, which is told how it goes, `asked_call` the call that did.
        The same `request_id` again answers the same session; without one a lost answer is asked for again by itself.
        """
        body = {
            "prompt": prompt,
            "template": template,
            "title": title,
            "project_id": str(project_id) if project_id else None,
            "config": dict(config) if config else None,
            "asked_in": str(asked_in) if asked_in else None,
            "asked_call": asked_call,
        }
        answer = await self._http.call(
            "POST",
            "/api/sessions",
            json={key: value for key, value in body.items() if value is not None},
            headers={"Idempotency-Key": request_id or str(uuid4())},
            repeatable=True,
        )
        return read(Session, answer)

    async def session(self, session_id: UUID | str) -> Session:
        """The session as it is now: status, progress, usage by agent, expiry. Another writer's is `not_found`, as one
        that never was."""
        return read(Session, await self._get(session_id, ""))

    async def sessions(
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Session]:
        """Own sessions, newest activity first. `q` is looked for in title and text; `limit` is 1 to 100, otherwise 20;
        `cursor` is `next_cursor` of the page before."""
        params = {"status": status, "kind": kind, "q": q, "limit": limit, "cursor": cursor}
        return read(Page[Session], await self._http.call("GET", "/api/sessions", params=params, repeatable=True))

    async def story(self, session_id: UUID | str) -> Story:
        """The current text, as Markdown. Raises ClientError `conflict` before there is any."""
        return read(Story, await self._get(session_id, "/story"))

    async def messages(
        self, session_id: UUID | str, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[Message]:
        """What was said in the session, oldest first: the prompt, the writer's notes, each agent's finished messages.
        `limit` is 1 to 100, otherwise 20; `cursor` is `next_cursor` of the page before."""
        return read(Page[Message], await self._get(session_id, "/messages", limit=limit, cursor=cursor))

    async def talks(
        self,
        *,
        project_id: UUID | str | None = None,
        kind: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Talks:
        """Own sessions of every `kind`, or those of a project, as a list of talks, newest activity first. `limit` is 1
        to 100, otherwise 20; `cursor` is `next_cursor` of the page before, `offset` how many to pass over, up to
        10,000."""
        params = {
            "project_id": str(project_id) if project_id else None,
            "kind": kind,
            "q": q,
            "limit": limit,
            "offset": offset,
            "cursor": cursor,
        }
        return read(Talks, await self._http.call("GET", "/api/v1/sessions", params=params, repeatable=True))

    async def said(
        self,
        session_id: UUID | str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Said:
        """What was said on the branch of a chat that is shown, in its order: the newest page without `offset` or
        `cursor`, which are as of `talks`. `messages` has those of all branches."""
        path = f"/api/v1/sessions/{UUID(str(session_id))}/messages"
        params = {"limit": limit, "offset": offset, "cursor": cursor}
        return read(Said, await self._http.call("GET", path, params=params, repeatable=True))

    async def drafts(
        self, session_id: UUID | str, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[Draft]:
        """The versions of the text, whole, oldest first. `limit` and `cursor` as of `messages`; a page of long drafts
        is large."""
        return read(Page[Draft], await self._get(session_id, "/drafts", limit=limit, cursor=cursor))

    async def draft(self, session_id: UUID | str, version: int) -> Draft:
        """One version of the text, whole; they count from 1. Raises ClientError `not_found` where there is none."""
        return read(Draft, await self._get(session_id, f"/drafts/{version}"))

    async def steps(self, session_id: UUID | str, *, limit: int | None = None, cursor: str | None = None) -> Page[Step]:
        """The units of work so far, in the order in which they began: which agent, how long, at what cost, or why it
        failed. `limit` and `cursor` as of `messages`."""
        return read(Page[Step], await self._get(session_id, "/steps", limit=limit, cursor=cursor))

    async def events(
        self, session_id: UUID | str, *, after_seq: int | None = None, limit: int | None = None
    ) -> Page[dict[str, Any]]:
        """The kept events after a number (0 is the beginning), as frames; `storyloom.client.events.parse` makes them
        typed. Old ones are not kept for ever: what is missing at the beginning is in a snapshot (`watch`)."""
        return read(Page[dict[str, Any]], await self._get(session_id, "/events", after_seq=after_seq, limit=limit))

    async def rename(self, session_id: UUID | str, title: str) -> Session:
        """Gives it another title, of 1 to 200 characters; who watches is told."""
        return read(Session, await self._http.call("PATCH", _path(session_id), json={"title": title}))

    async def set_budget(
        self, session_id: UUID | str, *, tokens: int | None = None, usd: float | None = None
    ) -> Session:
        """What the session may use from its start to its end, in place of the budget before; without either there is no
        limit. A story that runs goes by it from its next step on. Raises ClientError `conflict` where it is over."""
        return read(Session, await self._http.call("PATCH", _path(session_id), json={"budget": _budget(tokens, usd)}))

    async def delete(self, session_id: UUID | str) -> None:
        """Deletes the session and all that hangs on it, for good; a running story is stopped first. Gone on return."""
        await self._http.call("DELETE", _path(session_id))

    async def pause(self, session_id: UUID | str) -> Session:
        """Paused at once where nothing runs, otherwise when the step at hand is done, `pausing` until then. Again it
        changes nothing. Raises ClientError `conflict` where the story is over or waits for an approval."""
        return read(Session, await self._post(session_id, "/pause"))

    async def resume(
        self, session_id: UUID | str, *, budget_tokens: int | None = None, budget_usd: float | None = None
    ) -> Session:
        """Goes on with a story that is paused, failed or expired, from its last finished step. A budget that is given
        takes the place of the one before. Raises ClientError `budget_exceeded` where nothing is left of it, `conflict`
        where there is nothing to go on with."""
        budget = _budget(budget_tokens, budget_usd)
        return read(Session, await self._post(session_id, "/resume", {"budget": budget} if budget else None))

    async def cancel(self, session_id: UUID | str) -> Session:
        """Stops the model at once. A cancelled session can't be resumed; what was written is kept. Again it changes
        nothing. Raises ClientError `conflict` where the story is over otherwise."""
        return read(Session, await self._post(session_id, "/cancel"))

    async def steer(self, session_id: UUID | str, text: str, *, request_id: str | None = None) -> Message:
        """A note for the steps to come, of 1 to 4,000 characters; kept on return. The same `request_id` again answers
        the same note. Raises ClientError `conflict` where no step is to come."""
        answer = await self._http.call(
            "POST",
            f"{_path(session_id)}/steer",
            json={"text": text},
            headers={"Idempotency-Key": request_id or str(uuid4())},
            repeatable=True,
        )
        return read(Message, answer)

    async def approve(
        self, session_id: UUID | str, step: str, approved: bool = True, comment: str | None = None
    ) -> Session:
        """Answers `approval.requested`. What is not approved is written again, with the `comment` of up to 4,000
        characters. Raises ClientError `conflict` where that step does not wait, or was answered already."""
        answer = {"step": step, "approved": approved, **({"comment": comment} if comment else {})}
        return read(Session, await self._post(session_id, "/approve", answer))

    def export(
        self, session_id: UUID | str, format: str, *, told: Callable[[dict[str, str]], None] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The story as a file (md, txt, html, epub, docx, pdf) or the whole record (json), piece by piece.

        Raises ClientError: `conflict` before the first draft. `told` gets the headers, in lower case: what the file is
        named, and in `warning` what of it no font could show."""
        return self._http.download(f"{_path(session_id)}/export?format={quote(format, safe='')}", told)

    # More than one run at a text

    async def estimate(
        self,
        *,
        pages: int = 3,
        template: str | None = None,
        model: str | None = None,
        max_revisions: int | None = None,
        prompt_words: int | None = None,
    ) -> Any:
        """What a story will take: steps, calls, tokens and cost_usd (None where the price is not known), likely and at
        the `low` and `high` end."""
        params = {
            "pages": pages,
            "template": template,
            "model": model,
            "max_revisions": max_revisions,
            "prompt_words": prompt_words,
        }
        return await self._http.call("GET", "/api/sessions/estimate", params=params, repeatable=True)

    async def fork(
        self,
        session_id: UUID | str,
        *,
        from_step: str | None = None,
        from_version: int | None = None,
        config: Mapping[str, Any] | None = None,
        title: str | None = None,
        start: bool = True,
        request_id: str | None = None,
    ) -> Session:
        """A new session that shares this one's past, up to a step or a version, or all of it; this one is not changed.

        `start` False leaves it paused. `config` is what is to change; neither the template nor what would undo what is
        shared. Raises ClientError `not_found` where there is no such finished step or version, `invalid_message` for a
        change that can't be. The same `request_id` again answers the same session.
        """
        body = {
            "from_step": from_step,
            "from_version": from_version,
            "config": dict(config) if config else None,
            "title": title,
            "start": start,
        }
        answer = await self._http.call(
            "POST",
            f"{_path(session_id)}/fork",
            json={key: value for key, value in body.items() if value is not None},
            headers={"Idempotency-Key": request_id or str(uuid4())},
            repeatable=True,
        )
        return read(Session, answer)

    async def edit(self, session_id: UUID | str, content: str, base_version: int) -> Draft:
        """One's own text, of 1 MB at the most, as the next version; kept on return, and the same text again is the same
        version. Raises ClientError `conflict` where `base_version` is not current any more, or the story is being
        written."""
        body = {"content": content, "base_version": base_version}
        return read(Draft, await self._http.call("PUT", f"{_path(session_id)}/drafts", json=body, repeatable=True))

    async def diff(self, session_id: UUID | str, old: int, new: int) -> Any:
        """The `blocks` of two versions, alike or not: `op`, `from_text`, `to_text`, and the `changes` of words. Raises
        ClientError `not_found` where one of them is none."""
        return await self._get(session_id, f"/drafts/{old}/diff/{new}")

    async def ledger(self, session_id: UUID | str) -> Any:
        """What the story has said (`entries`), what of it can't all be true (`findings`, which remain where it is
        finished), what was `settled`, and how many were open in each of its `versions`. Raises ClientError `conflict`
        for what is no story."""
        return await self._get(session_id, "/ledger")

    async def settle(self, session_id: UUID | str, finding_id: str, *, comment: str | None = None) -> Message:
        """Says that a finding of the ledger is to stay as it is; again changes nothing. Raises ClientError `not_found`
        where there is none of that id."""
        door = f"/ledger/{quote(finding_id, safe='')}/settle"
        return read(Message, await self._post(session_id, door, {"comment": comment} if comment else None))

    async def rewrite(
        self,
        session_id: UUID | str,
        version: int,
        instruction: str,
        *,
        start: int | None = None,
        end: int | None = None,
        section: int | None = None,
        alternatives: int = 2,
        timeout_s: float = 600,
    ) -> list[Alternative]:
        """Has a passage of the current version written anew, 1 to 4 times: from `start` to `end`, in characters (code
        points) from 0, or a `section`, from 1. None is taken before `accept`. It counts as the session's own usage and
        takes as long as the model does, `timeout_s` at the most; leaving the call stops the model."""
        body = {
            "version": version,
            "instruction": instruction,
            "start": start,
            "end": end,
            "section": section,
            "alternatives": alternatives,
        }
        answer = await self._http.call(
            "POST",
            f"{_path(session_id)}/rewrite",
            json={key: value for key, value in body.items() if value is not None},
            timeout_s=timeout_s,
        )
        return list(read(Page[Alternative], answer).items)

    async def alternatives(
        self, session_id: UUID | str, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[Alternative]:
        """All passages that were written anew, oldest first. `limit` and `cursor` as of `messages`."""
        return read(Page[Alternative], await self._get(session_id, "/alternatives", limit=limit, cursor=cursor))

    async def accept(self, session_id: UUID | str, alternative_id: UUID | str) -> Draft:
        """The text with that alternative in place of its passage, as the next version; again the same version. Raises
        ClientError `conflict` where its version is not current any more."""
        path = f"{_path(session_id)}/alternatives/{UUID(str(alternative_id))}/accept"
        return read(Draft, await self._http.call("POST", path, repeatable=True))

    # The account

    def export_account(self) -> AsyncGenerator[bytes, None]:
        """Everything that is kept of the user: a ZIP archive, piece by piece. Raises where it breaks off."""
        return self._http.download("/api/users/me/export")

    async def delete_account(self) -> Any:
        """Erases everything that is kept of the user, and answers the receipt. It can't be undone."""
        return await self._http.call("DELETE", "/api/users/me")

    # What can be chosen

    async def templates(self) -> Any:
        """The templates: a list of `name`, `title`, `description`, `cast` …, one of them `default`. Needs no token."""
        return await self._http.call("GET", "/api/templates", repeatable=True)

    async def agents(self) -> Any:
        """Who can be talked with: a list of `name`, `title`, `description`, `greeting`. Needs no token."""
        return await self._http.call("GET", "/api/templates", params={"kind": "chat"}, repeatable=True)

    async def models(self) -> Any:
        """The models that a story can be written by, the default first. Needs no token."""
        return await self._http.call("GET", "/api/models", repeatable=True)

    async def config(self) -> Any:
        """How to `sign_in` at this server, its `version`, and the limits of a connection. Needs no token."""
        return await self._http.call("GET", "/api/config", repeatable=True)

    # Own keys at model providers

    async def keys(self) -> Any:
        """Own keys (`items`: provider, last four characters, dates) and the `providers` that one may be kept for."""
        return await self._http.call("GET", "/api/users/me/keys", repeatable=True)

    async def set_key(self, provider: str, key: str) -> Any:
        """Has a key kept, encrypted, in place of the one before; own stories that run from now on use it."""
        return await self._http.call("PUT", _key_path(provider), json={"key": key}, repeatable=True)

    async def delete_key(self, provider: str) -> None:
        """Raises ClientError `not_found` where there is none."""
        await self._http.call("DELETE", _key_path(provider))

    async def _get(self, session_id: UUID | str, tail: str, **params: Any) -> Any:
        return await self._http.call("GET", _path(session_id) + tail, params=params, repeatable=True)

    async def _post(self, session_id: UUID | str, tail: str, body: dict[str, Any] | None = None) -> Any:
        return await self._http.call("POST", _path(session_id) + tail, json=body)


def _path(session_id: UUID | str) -> str:
    return f"/api/sessions/{UUID(str(session_id))}"


def _budget(tokens: int | None, usd: float | None) -> dict[str, float] | None:
    given = {name: value for name, value in {"tokens": tokens, "usd": usd}.items() if value is not None}
    return given or None


def _key_path(provider: str) -> str:
    return f"/api/users/me/keys/{quote(provider, safe='')}"


def _static(token: str) -> TokenProvider:
    async def provide(renew: bool) -> str:
        return token

    return provide
