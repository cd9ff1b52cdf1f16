"""Signatures: Ed25519 keys of publishers, and what they sign, which is exactly the bytes of a manifest.

A signature is the raw 64 bytes of RFC 8032, so that `openssl pkeyutl -verify -rawin` checks it. Keys are
files as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them: PKCS #8 and
SubjectPublicKeyInfo in PEM (RFC 8410). A public key may also be its 32 bytes in hexadecimal or base64.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditlib.errors import SigningError
from auditlib.store.digest import sha256_bytes

_MAX_KEY_BYTES: Final = 64 << 10
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{43}=")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are checked with; `raw` is its 32 bytes."""

    raw: bytes

    @property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the 32 bytes, by which people tell keys apart."""
        return sha256_bytes(self.raw)[:16]

    @property
    def pem(self) -> bytes:
        """The key as SubjectPublicKeyInfo in PEM."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def accepts(self, signature: bytes, raw: bytes) -> bool:
        """Whether the signature is this key's and of exactly these bytes."""
        with suppress(InvalidSignature, ValueError):
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, raw)
            return True
        return False


class SigningKey:
    """A publisher's private key; it shows nothing of itself."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))

    def sign(self, raw: bytes) -> bytes:
        """The 64 bytes of the signature of these bytes."""
        return self._key.sign(raw)

    def save(self, private: Path, public: Path) -> None:
        """Writes both halves as PEM, the private one readable by its owner alone.

        Raises SigningError where a file exists already or cannot be written; neither file is then there.
        """
        secret = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write_new(private, secret, 0o600)
        try:
            _write_new(public, self.public.pem, 0o644)
        except BaseException:
            private.unlink()
            raise


def generate() -> SigningKey:
    """A new key from the system's randomness."""
    return SigningKey(Ed25519PrivateKey.generate())


def load_private(path: Path) -> SigningKey:
    """The private key of an unencrypted PKCS #8 PEM file; raises SigningError for anything else."""
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningError(f"{path.name} holds no private key: expected Ed25519 as unencrypted PKCS #8 PEM", path=path.name) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{path.name} holds a key of another kind: expected Ed25519", path=path.name)
    return SigningKey(key)


def load_public(text: str) -> tuple[PublicKey, ...]:
    """The public keys of a setting: PEM, hexadecimal, base64, or files that hold them, with commas between.

    Several keys let a publisher change its own: manifests signed before stay good. Raises SigningError for
    whatever is no key, and where there is none.
    """
    keys = [key for part in text.split(",") if part.strip() for key in _keys(part.strip())]
    if not keys:
        raise SigningError("No public key is given: expected an Ed25519 key, or a file that holds one")
    return tuple(dict.fromkeys(keys))


def signer(keys: Iterable[PublicKey], signature: bytes, raw: bytes) -> PublicKey | None:
    """The key of these that made a signature of these bytes, or None."""
    return next((key for key in keys if key.accepts(signature, raw)), None)


def _keys(text: str) -> list[PublicKey]:
    found = _parse(text)
    if found:
        return found
    path = Path(text)
    found = _parse(_read(path).decode("ascii", "replace"))
    if not found:
        raise SigningError(f"{path.name} holds no public key: expected Ed25519 as PEM, hexadecimal or base64", path=path.name)
    return found


def _parse(text: str) -> list[PublicKey]:
    text = text.strip()
    if _HEX.fullmatch(text):
        return [PublicKey(bytes.fromhex(text))]
    if _BASE64.fullmatch(text):
        with suppress(binascii.Error):
            return [PublicKey(base64.b64decode(text, validate=True))]
    return [_from_pem(block) for block in _PEM.findall(text)]


def _from_pem(block: str) -> PublicKey:
    try:
        key = serialization.load_pem_public_key(block.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SigningError("A public key in PEM is not one: expected Ed25519 as SubjectPublicKeyInfo")
    return PublicKey(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_KEY_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no path"
        raise SigningError(f"The key file {path.name[:80]!r} cannot be read: {why}", path=path.name) from None


def _write_new(path: Path, raw: bytes, mode: int) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except OSError as error:
        why = "it exists already and is never written over" if isinstance(error, FileExistsError) else error.strerror
        raise SigningError(f"The key file {path.name!r} cannot be written: {why}", path=path.name) from None
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(fd)
    except OSError as error:
        path.unlink()
        raise SigningError(f"The key file {path.name!r} cannot be written: {error.strerror}", path=path.name) from None
