"""REST for everyone: what can be chosen, how to sign in, and a new anonymous writer."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.errors import responses
from api.identity.auth import LocalAuth
from api.identity.renewals import Renewals
from api.state import Service, State, host_of
from api.strict import StrictRoute
from coordinator.chat.agent import ChatAgent
from coordinator.errors import Forbidden, NotFound
from coordinator.llm.models import ModelInfo
from coordinator.models import Identity
from coordinator.running.chats import DEFAULT_AGENT
from coordinator.running.stories import DEFAULT_TEMPLATE
from coordinator.story.template import Theme

router = APIRouter(prefix="/api", route_class=StrictRoute)


CLOSED = "This service takes no anonymous writers: ask its owner for a token, and sign in with that."


class TemplateInfo(BaseModel):
    name: str
    title: str
    description: str
    example_prompt: str
    default: bool
    theme: Theme
    cast: list[str] = Field(description="agents")
    steps: list[str] = Field(description="kinds of steps, in order")


class AgentInfo(BaseModel):
    """Somebody to talk with."""

    name: str
    title: str
    description: str
    greeting: str = Field(description="shown before anything is said")
    default: bool
    tools: list[str] = Field(description="what it can do besides talking")


class SignIn(BaseModel):
    auth: Literal["local", "supabase"] = Field(
        description="`local`: POST /api/auth/anonymous gives a token; `supabase`: sign in at the project"
    )
    anonymous: bool | None = Field(
        default=None, description="whether anonymous writers may come in; null: ask the project"
    )
    url: str | None = Field(default=None, description="the Supabase project")
    publishable_key: str | None = Field(default=None, description="its public key, for a client of one's own")


class ServiceConfig(BaseModel):
    """What a client needs to know before it signs in."""

    version: str
    sign_in: SignIn
    default_template: str
    default_model: str
    frame_bytes: int
    heartbeat_s: float


class TokenUser(BaseModel):
    id: UUID
    aud: str
    role: str
    is_anonymous: bool
    app_metadata: dict[str, Any]
    user_metadata: dict[str, Any]


class Tokens(BaseModel):
    """The shape of Supabase Auth's answer to a sign-in. `expires_at` in seconds since 1970."""

    access_token: str
    token_type: str
    expires_in: int
    expires_at: int
    refresh_token: str
    user: TokenUser


class Refresh(BaseModel):
    refresh_token: str = Field(min_length=1, max_length=16_384)


@router.get("/templates", tags=["catalog"], responses=responses("invalid_message"))
async def list_templates(
    service: Service, kind: Annotated[Literal["story", "chat"], Query(description="of sessions")] = "story"
) -> list[TemplateInfo] | list[AgentInfo]:
    """The templates that a story can be written with, or the agents that one can talk with."""
    if kind == "chat":
        return [_agent(one) for one in service.library.agents()]
    return [
        TemplateInfo(
            name=one.name,
            title=one.title,
            description=one.description,
            example_prompt=one.example_prompt,
            default=one.name == DEFAULT_TEMPLATE,
            theme=one.theme,
            cast=list(one.agents),
            steps=[step.kind for step in one.steps],
        )
        for one in service.library.all()
    ]


def _agent(one: ChatAgent) -> AgentInfo:
    return AgentInfo(
        name=one.name,
        title=one.title,
        description=one.description,
        greeting=one.greeting,
        default=one.name == DEFAULT_AGENT,
        tools=list(one.tools),
    )


@router.get("/models", tags=["catalog"])
async def list_models(service: Service) -> list[ModelInfo]:
    """The models that a story can be written by, the default first."""
    return service.models.available()


@router.get("/config", tags=["catalog"])
async def get_config(service: Service) -> ServiceConfig:
    """How to sign in, and the limits of a connection."""
    settings = service.settings
    if settings.supabase_url is None:
        sign_in = SignIn(auth="local", anonymous=settings.anonymous)
    else:
        key = settings.supabase_publishable_key
        sign_in = SignIn(
            auth="supabase", url=settings.supabase_url, publishable_key=key.get_secret_value() if key else None
        )
    return ServiceConfig(
        version=service.version,
        sign_in=sign_in,
        default_template=DEFAULT_TEMPLATE,
        default_model=service.settings.default_model,
        frame_bytes=service.settings.frame_bytes,
        heartbeat_s=service.settings.heartbeat_s,
    )


def _local(service: State) -> Renewals:
    if not isinstance(service.auth, LocalAuth):
        raise NotFound("Users sign in at the Supabase project; /api/config says where it is.")
    return Renewals(service.auth, service.manager.store.signins)


async def _may_sign_in(request: Request, service: Service) -> None:
    await service.rates.sign_in(host_of(request))


MAY_SIGN_IN = [Depends(_may_sign_in)]


@router.post(
    "/auth/anonymous",
    tags=["auth"],
    responses=responses("forbidden", "not_found", "unavailable"),
    dependencies=MAY_SIGN_IN,
)
async def sign_in_anonymously(service: Service) -> Tokens:
    """A new anonymous writer. 403 where the service takes none."""
    local, user_id = _local(service), uuid4()
    if not service.settings.anonymous:
        raise Forbidden(CLOSED)
    await service.sign_in(Identity(user_id=user_id, role="authenticated", claims={"is_anonymous": True}))
    return Tokens.model_validate(await local.begin(user_id))


@router.post(
    "/auth/refresh",
    tags=["auth"],
    responses=responses("unauthorized", "not_found", "invalid_message", "too_large", "unavailable"),
    dependencies=MAY_SIGN_IN,
)
async def refresh_tokens(body: Refresh, service: Service) -> Tokens:
    """New tokens for the holder of a refresh token, which is good once: the answer brings the next. A token that was
    used before ends the sign-in, unless that was within ten seconds, as where the answer was lost."""
    return Tokens.model_validate(await _local(service).renew(body.refresh_token))


@router.post(
    "/auth/device",
    tags=["auth"],
    responses=responses("unauthorized", "not_found", "invalid_message", "too_large", "unavailable"),
    dependencies=MAY_SIGN_IN,
)
async def add_device(body: Refresh, service: Service) -> Tokens:
    """Tokens of a second sign-in of the same user, for another device: each device renews its own. The refresh token
    that is sent stays good."""
    return Tokens.model_validate(await _local(service).another(body.refresh_token))


@router.post(
    "/auth/sign-out",
    tags=["auth"],
    status_code=204,
    responses=responses("unauthorized", "not_found", "invalid_message", "too_large", "unavailable"),
    dependencies=MAY_SIGN_IN,
)
async def sign_out(body: Refresh, service: Service) -> None:
    """The sign-in can't be renewed any more; again changes nothing. An access token is good until it expires."""
    await _local(service).end(body.refresh_token)
