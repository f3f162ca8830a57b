"""The ledger through the doors: a model that contradicts itself and approves of itself changes nothing of what is found."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.models import Message
from coordinator.settings import Settings
from coordinator.story.continuity import LedgerReport
from coordinator.story.ledger.finding import KINDS
from tests.api.support import problem
from tests.api.test_model_story import with_model
from tests.model_server import ModelServer, Reply
from tests.model_words import Writer
from tests.service import Service, serving

PEOPLE = [
    {"name": "Mara Venn", "role": "keeper of the light", "description": "A woman who counts everything.", "voice": ""},
    {"name": "Tobin", "role": "ferryman", "description": "An old man, slow with words.", "voice": ""},
    {"name": "Ilse", "role": "girl of the harbour", "description": "Quick and curious.", "voice": ""},
    {"name": "Corrin", "role": "clerk", "description": "A man of few words.", "voice": ""},
]
OUTLINE = {
    "title": "The Light",
    "logline": "Somebody counts.",
    "setting": "An island.",
    "people": PEOPLE,
    "places": [],
    "rules": ["No iron crosses the threshold."],
    "beats": [
        {"title": f"Beat {n}", "summary": f"It goes on, {n}.", "words": 300, "place": "", "people": []}
        for n in (1, 2, 3)
    ],
}
PLANTED = (
    "Mara's eyes were green. Ilse was eleven. Tobin, Mara's brother, had the ferry from their father.\n\n"
    "It was midnight. The cup was empty. The noon sun burned on the stones.",
    "Corrin died before the tide turned. Ilse was sixteen and tired of being asked.\n\n"
    "Ilse sat in the library. The page was white. Ilse was on the beach with sand in her shoes.\n\n"
    "Mara held the brass key tight. The door was shut. Tobin held the brass key tight.\n\n"
    "Mara carried the iron kettle across the threshold.",
    "Corrin laughed and held out his hand for the fare. Mara's brown eyes were tired. Tobin was Mara's uncle.\n\n"
    "Rain hammered on the roof. Through the open door there was a cloudless sky.\n\n"
    "The wind had dropped, and then Tobyn closed the book.",
)


MENDED = (
    "Mara spoke of the harbour. Ilse spoke of the weather. Tobin spoke of the ferry. Corrin spoke of nothing.\n\n"
    "Mara listened to the tide. Ilse listened to the gulls. Tobin listened to the oars. Corrin listened to them all.\n\n"
    "They went on along the wall for as long as there was a wall, and nobody said what they were there for."
)
"""As long, and of the same people: a revision that drops somebody is not taken."""


class Planting(Writer):
    """Writes every section with what is planted in it, and approves of all. Asked to revise, it `mends` the section or
    gives it back as it was."""

    def __init__(self, *, mends: bool) -> None:
        super().__init__()
        self.mends = mends
        self.sections: dict[int, str] = {}

    def prose(self, request: str) -> str:
        drafted = re.search(r"write this section of the story. This is section (\d) of", request)
        if drafted:
            number = int(drafted[1])
            self.sections[number] = f"{PLANTED[number - 1]}\n\n{super().prose(request)}"
            return self.sections[number]
        again = re.search(r"Your task: (write|polish) section (\d) of", request)
        if again:
            number = int(again[2])
            if self.mends and again[1] == "write":
                self.sections[number] = self.sections[number].replace(PLANTED[number - 1], MENDED)
            return self.sections[number]
        return super().prose(request)


@pytest.fixture
async def planting() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        server.script(Reply.call(OUTLINE, when="Your task: the outline"))
        yield server


async def ledger_of(service: Service, session_id: str, token: str | None = None) -> LedgerReport:
    answer = await service.get(f"/api/sessions/{session_id}/ledger", token)
    assert answer.status_code == 200, answer.text
    return LedgerReport.model_validate(answer.json())


async def messages_of(service: Service, session_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await service.get(f"/api/sessions/{session_id}/messages", limit=100)).json()["items"]
    return items


async def test_what_a_flattering_model_contradicts_is_found_told_and_left_at_the_end(
    settings: Settings, planting: ModelServer
) -> None:
    planting.writer = Planting(mends=False)
    async with serving(with_model(settings, planting)) as service:
        session_id = await service.story(pages=3, max_revisions=1)
        report = await ledger_of(service, session_id)
        said = await messages_of(service, session_id)
        text = (await service.get(f"/api/sessions/{session_id}/story")).json()["content"]
    assert {finding.kind for finding in report.findings} == set(KINDS)
    for finding in report.findings:
        assert finding.later in text and (finding.earlier in text or finding.earlier_section == 0)
    chart = [point.open for point in report.versions]
    assert report.settled == [] and chart == sorted(chart) and chart[0] < chart[-1] == len(report.findings)
    assert {("Ilse", "age", "11"), ("Mara Venn", "eyes", "green"), ("Corrin", "alive", "no")} <= {
        (entry.subject, entry.attribute, entry.value) for entry in report.entries
    }
    # Every writer that was asked to revise got both passages, although each reader approved.
    revisions = [request.text for request in planting.requests if "again, revision round" in request.text]
    for finding in report.findings:
        assert any(
            finding.later in asked and finding.earlier in asked and finding.sentence in asked for asked in revisions
        )
    # Whoever watches is told in the message of the step that found it: with the section, before any review.
    told = {message["step"]: message["metadata"]["findings"] for message in said if "findings" in message["metadata"]}
    assert {finding["kind"] for finding in told["record-3"]} >= {"dead", "looks", "kinship", "weather", "name"}
    assert {finding["section"] for finding in told["record-3"]} == {3}
    assert all(
        finding["later"] in message["content"]
        for message in said
        if message["step"] == "record-3"
        for finding in told["record-3"]
    )
    assert len(told["polish-3"]) == len(report.findings)


async def test_a_revision_that_no_longer_holds_it_settles_a_finding(settings: Settings, planting: ModelServer) -> None:
    planting.writer = Planting(mends=True)
    async with serving(with_model(settings, planting)) as service:
        session_id = await service.story(pages=3, max_revisions=1)
        report = await ledger_of(service, session_id)
    assert report.findings == [] and {finding.kind for finding in report.settled} == set(KINDS)
    assert {finding.settled for finding in report.settled} == {"revision"}
    assert report.versions[0].open < max(point.open for point in report.versions) and report.versions[-1].open == 0


async def test_a_writers_word_settles_a_finding(settings: Settings, planting: ModelServer) -> None:
    planting.writer = Planting(mends=False)
    planting.script(Reply.fails(401, when="Your task: find what contradicts"))
    async with serving(with_model(settings, planting)) as service:
        async with service.socket() as socket:
            session_id = await socket.start(pages=3, max_revisions=1)
            assert (await socket.until_finished(session_id))["status"] == "failed"
        before = await ledger_of(service, session_id)
        dead = next(finding for finding in before.findings if finding.kind == "dead")
        door = f"/api/sessions/{session_id}/ledger/{dead.id}/settle"
        answers = [await service.post(door, comment="He is a ghost, as the last chapter shows.") for _ in range(2)]
        kept = [Message.model_validate(answer.json()) for answer in answers]
        assert kept[0] == kept[1] and dead.later in kept[0].content and "He is a ghost" in kept[0].content
        assert (await ledger_of(service, session_id)).settled == [dead.model_copy(update={"settled": "writer"})]
        # No revision is asked for it, and at the end it is among what is settled.
        async with service.socket() as socket:
            await socket.send(type="session.attach", session_id=session_id)
            snapshot = await socket.until("session.snapshot")
            assert snapshot["messages"][-1]["metadata"] == {"settles": dead.id}
            await socket.send(type="session.resume", session_id=session_id)
            assert (await socket.until_finished(session_id))["status"] == "completed"
        revisions = [request.text for request in planting.requests if "again, revision round" in request.text]
        assert revisions and not any(dead.sentence in asked for asked in revisions)
        report = await ledger_of(service, session_id)
        assert dead.id not in {finding.id for finding in report.findings} and dead.id in {
            one.id for one in report.settled
        }
        # A fork has it as well.
        fork = (await service.post(f"/api/sessions/{session_id}/fork", start=False)).json()["id"]
        assert dead.id in {one.id for one in (await ledger_of(service, fork)).settled}


async def test_a_ledger_is_read_by_whoever_may_read_the_session(shared: Service) -> None:
    token, other = await shared.new_token(), await shared.new_token()
    session_id = await shared.story(token, pages=3)
    report = await ledger_of(shared, session_id, token)
    assert report.findings == [] and report.settled == [] and report.entries
    assert [point.version for point in report.versions] == list(range(1, report.current_version + 1))
    door = f"/api/sessions/{session_id}/ledger"
    problem(await shared.get(door, other), 404, "not_found")
    told = problem(await shared.post(f"{door}/age-0123456789/settle", token), 404, "not_found")
    assert "no such finding" in told["detail"]
    problem(await shared.post(f"{door}/age-0123456789/settle", other), 404, "not_found")
    problem(await shared.post(f"{door}/nonsense/settle", token), 404, "not_found")
    # An admin reads anybody's, and settles nothing in it.
    admin = shared.admin_token()
    assert (await ledger_of(shared, session_id, admin)) == report
    problem(await shared.post(f"{door}/age-0123456789/settle", admin), 404, "not_found")
