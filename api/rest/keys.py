"""REST /api/users/me/keys: a writer's own keys at model providers. No answer ever holds a key."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.errors import responses
from api.rest.sessions import Items
from api.state import Caller, Service
from api.strict import StrictRoute
from coordinator.llm.models import KEY_PROVIDERS
from coordinator.store.keys import UserKey

router = APIRouter(prefix="/api/users/me/keys", tags=["keys"], route_class=StrictRoute)


class NewKey(BaseModel):
    # What else there is, a key in the wrong place perhaps, is not named in an error: it is passed over.
    model_config = ConfigDict(extra="ignore")

    key: SecretStr = Field(description="8 to 500 printable characters without spaces")


class UserKeys(Items[UserKey]):
    """All in one page."""

    providers: list[str] = Field(description="those that a key may be kept for")


@router.get("", responses=responses("unauthorized"))
async def list_keys(caller: Caller, service: Service) -> UserKeys:
    """The caller's own keys, by provider: their last four characters and dates."""
    return UserKeys(items=await service.vault.of(caller.writer()), providers=sorted(KEY_PROVIDERS))


@router.get("/{provider}", responses=responses("unauthorized", "not_found"))
async def get_key(provider: str, caller: Caller, service: Service) -> UserKey:
    """The caller's own key for a provider: its last four characters and dates."""
    return await service.vault.one(caller.writer(), provider)


@router.put("/{provider}", responses=responses("unauthorized", "invalid_message", "too_large", "conflict"))
async def put_key(provider: str, body: NewKey, caller: Caller, service: Service) -> UserKey:
    """Keep a key for a provider, encrypted, in place of the one before. The caller's next runs use it."""
    return await service.vault.put(caller.writer(), provider, body.key)


@router.delete("/{provider}", status_code=204, responses=responses("unauthorized", "not_found"))
async def delete_key(provider: str, caller: Caller, service: Service) -> None:
    """Forget a key. A run that has begun keeps it in memory until it ends; cancel its story to end it now."""
    await service.vault.delete(caller.writer(), provider)
