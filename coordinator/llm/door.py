"""The door through which everything comes that a model sends: what is behind it is text that can be kept.

Every model is reached through it. Text is made storable and freed of thoughts before anybody counts it or tells it
on; calls, numbers and the reason of the end are what they should be. What can't be read is a fault of the model.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic_ai import RunContext, UsageExtractionFailedWarning
from pydantic_ai.exceptions import AgentRunError, ModelAPIError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import (
    FinishReason,
    ModelMessage,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from coordinator.llm.calls import arguments_in, arguments_of, encoded
from coordinator.llm.pieces import Pieces
from coordinator.llm.prices import believable
from coordinator.llm.thoughts import Said, Thoughts
from coordinator.storable import storable

log = logging.getLogger(__name__)

# Of numbers that are none they print what was sent; it is estimated then.
warnings.filterwarnings("ignore", category=UsageExtractionFailedWarning)
warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)

LONGEST_PIECE = 16_384
"""Characters that are read and told at once, however many a server sends: who listens can stop in between."""
LONGEST_NAME = 200

_TEXT = "text"
_TAGGED = "tagged"
"""The id of a thought that stood in the text. It is told as it comes and no part of the response: sent back, it would
be paid for again."""

_OWN_TAGS = ("<earlier thoughts>", "</earlier thoughts>")
"""The library knows a tag only where it comes as one piece, so it is given tags that no model writes."""

_REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(("max_tokens", "max_length", "model_length", "token_limit", "max_output_tokens"), "length"),
    **dict.fromkeys(("sensitive", "safety", "guardrail_intervened", "recitation", "refusal"), "content_filter"),
    **dict.fromkeys(
        ("error", "failed", "abort", "aborted", "cancelled", "network_error", "insufficient_system_resource"), "error"
    ),
}
"""Ends that OpenAI's protocol does not have and compatible servers send. Any other word is an end like `stop`."""


class Door(WrapperModel):
    """A model as it should be. Streams only: nothing here asks for a whole answer."""

    def __init__(self, wrapped: Model, *, own: bool = False) -> None:
        """`own` is a server of one's own, which knows the older name of an answer's limit and no strict schemas."""
        super().__init__(wrapped)
        ours = ModelProfile(
            thinking_tags=_OWN_TAGS, ignore_streamed_leading_whitespace=False, supports_json_object_output=False
        )
        if own:
            ours = merge_profile(ours, _of_own_server())
        wrapped.__dict__["profile"] = merge_profile(wrapped.profile, ours)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        async with AsyncExitStack() as stack:
            with _readable(self.model_name):
                stream = await stack.enter_async_context(
                    self.wrapped.request_stream(messages, model_settings, model_request_parameters, run_context)
                )
            yield _Cleaned(model_request_parameters, stream)


def _of_own_server() -> ModelProfile:
    from pydantic_ai.profiles.openai import OpenAIModelProfile

    return OpenAIModelProfile(
        openai_chat_supports_max_completion_tokens=False,
        openai_supports_strict_tool_definition=False,
        supports_json_schema_output=True,
    )


@contextmanager
def _readable(model: str) -> Iterator[None]:
    """What a library trips over in an answer that is not as its protocol says is the model's fault, and no bug here."""
    try:
        yield
    except Exception as error:
        if isinstance(error, AgentRunError | UserError) and type(error) is not UnexpectedModelBehavior:
            raise
        log.warning("an answer of %s can't be read: %s", model, type(error).__name__)
        raise ModelAPIError(model, "an answer that can't be read") from error


@dataclass
class _Cleaned(StreamedResponse):
    stream: StreamedResponse
    _pieces: Pieces = field(default_factory=Pieces, init=False)
    _thoughts: Thoughts = field(default_factory=Thoughts, init=False)
    _blocks: int = field(default=0, init=False)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        with _readable(self.model_name):
            async for event in self.stream:
                for clean in self._clean(event):
                    yield clean
        for clean in self._told(self._thoughts.add(self._pieces.end()) + self._thoughts.end()):
            yield clean

    def _clean(self, event: Any) -> Iterator[ModelResponseStreamEvent]:
        match event:
            case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                for at in range(0, len(text), LONGEST_PIECE):
                    yield from self._told(self._thoughts.add(self._pieces.add(text[at : at + LONGEST_PIECE])))
            case PartStartEvent(index=index, part=part):
                yield self._parts_manager.handle_part(vendor_part_id=index, part=replace(part))
            case PartDeltaEvent(index=index, delta=ThinkingPartDelta() as more):
                yield from self._parts_manager.handle_thinking_delta(
                    vendor_part_id=index,
                    content=more.content_delta,
                    signature=more.signature_delta,
                    provider_name=more.provider_name,
                    provider_details=more.provider_details,
                )
            case PartDeltaEvent(index=index, delta=ToolCallPartDelta() as more):
                yield from self._parts_manager.handle_tool_call_delta_events(
                    vendor_part_id=index,
                    tool_name=more.tool_name_delta,
                    args=more.args_delta,
                    tool_call_id=more.tool_call_id,
                    provider_name=more.provider_name,
                    provider_details=more.provider_details,
                )

    def _told(self, said: list[Said]) -> Iterator[ModelResponseStreamEvent]:
        for piece in said:
            if piece.kind == "anew":
                # A part that starts again replaces what was told of it.
                yield self._parts_manager.handle_part(vendor_part_id=_TEXT, part=TextPart(""))
            elif piece.kind == "answer":
                self._blocks += 1
                yield from self._parts_manager.handle_text_delta(vendor_part_id=_TEXT, content=piece.text)
            else:
                yield from self._parts_manager.handle_thinking_delta(
                    vendor_part_id=(_TAGGED, self._blocks), content=piece.text, id=_TAGGED
                )

    def get(self) -> ModelResponse:
        """What came so far, as it should be. `state` is complete only where the model said that it had ended."""
        response = self.stream.get()
        parts = [_kept(part) for part in self._parts_manager.get_parts() if getattr(part, "id", None) != _TAGGED]
        said = (response.provider_details or {}).get("finish_reason")
        ended = response.state != "complete" or self._has_ended(response.finish_reason, said)
        return replace(
            response,
            parts=_called(parts, self.model_request_parameters),
            usage=self.usage,
            model_name=self.model_name,
            finish_reason=response.finish_reason or _REASONS.get(str(said).lower()),
            state=response.state if ended else "incomplete",
        )

    def _has_ended(self, reason: FinishReason | None, said: object) -> bool:
        # Of a stream of OpenAI's protocol that just stops the library says `stop`, and here what it was told.
        told = getattr(self.stream, "_has_finish_reason", True)
        return bool(said) or (reason is not None and (told or reason != "stop"))

    async def close_stream(self) -> None:
        await self.stream.cancel()

    @property
    def usage(self) -> RequestUsage:
        return believable(self.stream.usage)

    @property
    def model_name(self) -> str:
        return storable(self.stream.model_name)[:LONGEST_NAME]

    @property
    def provider_name(self) -> str | None:
        return self.stream.provider_name

    @property
    def provider_url(self) -> str | None:
        return self.stream.provider_url

    @property
    def timestamp(self) -> datetime:
        return self.stream.timestamp


def _kept(part: ModelResponsePart) -> ModelResponsePart:
    """A part that may be sent back to its model: a thought that was signed stays as it is where it can."""
    if isinstance(part, ThinkingPart) and part.content != (clean := storable(part.content)):
        return replace(part, content=clean)
    return part


def _called(parts: list[ModelResponsePart], asked: ModelRequestParameters) -> list[ModelResponsePart]:
    """The parts with the call, or the bare object, that was asked for, in whatever form it came."""
    text = "".join(part.content for part in parts if isinstance(part, TextPart))
    if asked.output_tools:
        tool = asked.output_tools[0]
        names = {each.name for each in (*asked.output_tools, *asked.function_tools)}
        if any(isinstance(part, ToolCallPart) for part in parts):
            return [
                _mended(part, part.tool_name if part.tool_name in names else tool.name, tool.parameters_json_schema)
                if isinstance(part, ToolCallPart)
                else part
                for part in parts
            ]
        written = arguments_in(text, tool.parameters_json_schema)
        if written is not None:
            others = [part for part in parts if not isinstance(part, TextPart)]
            return [*others, ToolCallPart(tool.name, encoded(written))]
    elif asked.output_object is not None and text:
        written = arguments_in(text, asked.output_object.json_schema)
        if written is not None:
            return [*(part for part in parts if not isinstance(part, TextPart)), TextPart(encoded(written))]
    return parts


def _mended(part: ToolCallPart, name: str, schema: dict[str, Any]) -> ToolCallPart:
    given = arguments_of(part.args, schema)
    args = storable(part.args) if given is None and isinstance(part.args, str) else encoded(given)
    return replace(part, tool_name=name, args=args, tool_call_id=storable(str(part.tool_call_id))[:LONGEST_NAME])
