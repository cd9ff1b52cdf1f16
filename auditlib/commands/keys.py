"""Commands for keys: `keygen` makes one, `sign` signs what was published without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditlib import settings
from auditlib.commands.shared import StoreOption, counted, say
from auditlib.errors import SigningError

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey

KeyOption = Annotated[Path | None, typer.Option("--key", help="File of the private key that signs; default AUDIT_SIGNING_KEY.")]


def signing_key(path: Path | None) -> SigningKey | None:
    """The private key of a file, or of the setting; None where neither is given. Raises SigningError for what is no key."""
    path = path or settings.signing_key()
    if path is None:
        return None
    from auditlib.store.signing import load_private

    return load_private(path)


def keygen(
    private: Annotated[Path, typer.Option(help="New file for the private key; only you may read it.")],
    public: Annotated[Path, typer.Option(help="New file for the public key; give it to every reader.")],
) -> None:
    """Make an Ed25519 key for a publisher, as two PEM files; nothing is ever written over."""
    from auditlib.store.signing import generate

    key = generate()
    key.save(private, public)
    typer.echo(f"{key.public.fingerprint}  {key.public.raw.hex()}")


def sign(store: StoreOption, key: KeyOption = None) -> None:
    """Sign the manifests of a store that have no signature."""
    from auditlib.store import configured
    from auditlib.store.sign import sign_chain

    chosen = signing_key(key)
    if chosen is None:
        raise SigningError("No key is given: expected --key FILE or AUDIT_SIGNING_KEY")
    signed = sign_chain(store, chosen, configured())
    if signed.others:
        say(f"{counted(signed.others, 'signature')} that this key has not made: left as they are.")
    typer.echo(f"Signed {counted(signed.now, 'manifest')} with {chosen.public.fingerprint}; {signed.before} were signed already.")
