"""REST for everyone: what can be chosen, how to sign in, and a new anonymous writer."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import responses
from api.state import Service
from coordinator.llm.models import ModelInfo
from coordinator.models import Identity
from coordinator.stories import DEFAULT_TEMPLATE
from coordinator.template import Theme

router = APIRouter(prefix="/api")


class TemplateInfo(BaseModel):
    name: str
    title: str
    description: str
    example_prompt: str
    default: bool
    theme: Theme
    cast: list[str] = Field(description="agents")
    steps: list[str] = Field(description="kinds of steps, in order")


class SignIn(BaseModel):
    auth: str = Field(description="`local`: POST /api/auth/anonymous gives a token")
    anonymous: bool


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


@router.get("/templates", tags=["catalog"])
async def templates(service: Service) -> list[TemplateInfo]:
    """The templates that a story can be written with."""
    return [
        TemplateInfo(
            name=one.name, title=one.title, description=one.description, example_prompt=one.example_prompt,
            default=one.name == DEFAULT_TEMPLATE, theme=one.theme, cast=list(one.agents),
            steps=[step.kind for step in one.steps],
        )
        for one in service.library.all()
    ]  # fmt: skip


@router.get("/models", tags=["catalog"])
async def models(service: Service) -> list[ModelInfo]:
    """The models that a story can be written by, the default first."""
    return service.models.available()


@router.get("/config", tags=["catalog"])
async def config(service: Service) -> ServiceConfig:
    """How to sign in, and the limits of a connection."""
    return ServiceConfig(
        version=service.version, sign_in=SignIn(auth="local", anonymous=True), default_template=DEFAULT_TEMPLATE,
        default_model=service.settings.default_model, frame_bytes=service.settings.frame_bytes,
        heartbeat_s=service.settings.heartbeat_s,
    )  # fmt: skip


@router.post("/auth/anonymous", tags=["auth"], responses=responses("unavailable"))
async def anonymous(service: Service) -> Tokens:
    """A new anonymous writer."""
    user_id = uuid4()
    tokens = service.auth.issue(user_id)
    await service.sign_in(Identity(user_id=user_id, role="authenticated", claims={"is_anonymous": True}))
    return Tokens.model_validate(tokens)


@router.post("/auth/refresh", tags=["auth"], responses=responses("unauthorized", "invalid_message", "too_large"))
async def refresh(body: Refresh, service: Service) -> Tokens:
    """New tokens for the holder of a refresh token."""
    return Tokens.model_validate(service.auth.renew(body.refresh_token))
