"""Users' own keys at model providers: checked, sealed, kept by the store, opened for their owner's runs alone.

A key stands nowhere but in the request that brings it and in the memory of the node that runs a story with it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Sequence
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from coordinator.errors import InvalidMessage, Misconfigured, NotFound
from coordinator.llm.models import KEY_PROVIDERS, Models
from coordinator.people.secret import SHORTEST, kept_secret
from coordinator.settings import Settings
from coordinator.store.keys import KeyOperations, UserKey

SECRET_FILE = "key-secret"  # noqa: S105 a file's name
_KEY = re.compile(r"[!-~]{8,500}")


class Seal:
    """Encrypts under the newest of some secrets and decrypts under any. What it seals opens for one owner only."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """`secrets`, newest first, of 32 characters or more each: a Fernet key is derived of each (HKDF, SHA-256)."""
        fernets = [Fernet(_derived(secret)) for secret in secrets]
        self._newest, self._any = fernets[0], MultiFernet(fernets)

    def close(self, owner: UUID, provider: str, key: str) -> str:
        return self._newest.encrypt(f"{owner}\n{provider}\n{key}".encode()).decode()

    def open(self, owner: UUID, provider: str, sealed: str) -> tuple[str, str | None]:
        """The key, and where the newest secret is not the one that it is under: the same, sealed anew.

        Raises ValueError where no secret opens it, or it was sealed for another owner or provider.
        """
        token, anew = sealed.encode(), None
        try:
            try:
                plain = self._newest.decrypt(token)
            except InvalidToken:
                plain = self._any.decrypt(token)
                anew = self._any.rotate(token).decode()
        except InvalidToken:
            raise ValueError("no secret opens this") from None
        for_owner, for_provider, key = plain.decode().split("\n")
        if (for_owner, for_provider) != (str(owner), provider):
            raise ValueError("this was sealed for another")
        return key, anew


class Vault:
    """The keys of all users, behind the seal. Nothing that it raises or logs holds one."""

    def __init__(self, keys: KeyOperations, seal: Seal) -> None:
        self._keys = keys
        self._seal = seal

    async def put(self, owner: UUID, provider: str, key: SecretStr) -> UserKey:
        """Stores the key in place of the one before; durable on return. The next run of a story uses it.

        Raises InvalidMessage for a provider that no key can be kept for, or what can't be a key.
        """
        if provider not in KEY_PROVIDERS:
            raise InvalidMessage(f"Keys can be kept for these providers: {', '.join(sorted(KEY_PROVIDERS))}.")
        plain = key.get_secret_value().strip()
        if not _KEY.fullmatch(plain):
            raise InvalidMessage("A key is 8 to 500 letters, digits and signs, without spaces: copy it whole.")
        return await self._keys.put(owner, provider, self._seal.close(owner, provider, plain), plain[-4:])

    async def of(self, owner: UUID) -> list[UserKey]:
        """What the owner may see of their keys, by provider."""
        return await self._keys.of(owner)

    async def one(self, owner: UUID, provider: str) -> UserKey:
        """Raises NotFound where there is none."""
        for kept in await self._keys.of(owner):
            if kept.provider == provider:
                return kept
        raise NotFound("There is no such key.")

    async def delete(self, owner: UUID, provider: str) -> None:
        """Gone on return: no run that begins later has it. Raises NotFound where there is none."""
        await self._keys.delete(owner, provider)

    async def models_for(self, models: Models, owner: UUID, name: str, kept: Collection[str] | None = None) -> Models:
        """The models as a run with that one may use them: with the owner's own keys, as they are kept now. `kept` are
        the providers that the owner has keys for, where that is known: without any that matter nothing is read.

        Raises Misconfigured as `unlocked`.
        """
        providers = models.key_providers(name)
        if kept is not None:
            providers &= set(kept)
        return await models.with_keys(name, await self.unlocked(owner, providers)) if providers else models

    async def unlocked(self, owner: UUID, providers: Collection[str]) -> dict[str, SecretStr]:
        """The owner's keys for these providers, for one run. What is under an older secret is put under the newest.

        Raises Misconfigured where one can't be opened: going on without it would write at somebody else's cost.
        """
        keys = {}
        for provider, sealed in (await self._keys.secrets(owner, providers)).items():
            try:
                key, anew = self._seal.open(owner, provider, sealed)
            except ValueError:
                raise Misconfigured(
                    f"Your own key for {provider} can't be read with the secrets that this server has now. Store it "
                    "again or delete it, then resume the story."
                ) from None
            if anew is not None:
                await self._keys.reseal(owner, provider, sealed, anew)
            keys[provider] = SecretStr(key)
        return keys


def secrets_of(settings: Settings) -> list[str]:
    """What keys are sealed under, newest first: of the settings, else the one of the data folder, made where it lacks.

    Raises Misconfigured for a secret that is too short, or a folder that can't be used.
    """
    if settings.key_secrets is None:
        return [kept_secret(settings.data_dir, SECRET_FILE)]
    secrets = [part.strip() for part in settings.key_secrets.get_secret_value().split(",") if part.strip()]
    if not secrets or any(len(secret) < SHORTEST for secret in secrets):
        raise Misconfigured(
            f"STORYLOOM_KEY_SECRETS must be secrets of {SHORTEST} characters or more each, separated by commas."
        )
    return secrets


def _derived(secret: str) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"storyloom users' model keys")
    return base64.urlsafe_b64encode(derive.derive(secret.encode()))
