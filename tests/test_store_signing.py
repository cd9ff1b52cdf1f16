"""Signatures: what openssl checks, what a reader with a key refuses, and that a signed manifest never stands alone."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from events import batch, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import overwrite, run_killed

from auditlib.errors import ChainError, PublishError, SigningError
from auditlib.store import FolderSource, Policy, accept, publish, verify_store
from auditlib.store.sign import sign_chain
from auditlib.store.signing import generate, load_private, load_public

KEY, OTHER = generate(), generate()
DEMANDING = Policy(keys=(KEY.public,))


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A store of three signed snapshots of three events."""
    for number in range(3):
        publish(tmp_path / "s", [batch(events(3, 3 * number))], name=f"day-{number}", log_id="acme", key=KEY)
    return tmp_path / "s"


def beside(store: Path, seq: int) -> Path:
    return store / "manifests" / f"{seq:08d}.json.sig"


def test_a_key_is_saved_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    KEY.save(private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert load_private(private).public == KEY.public
    assert load_public(str(public)) == (KEY.public,)
    assert KEY.public.fingerprint not in repr(KEY)


@pytest.mark.parametrize("taken", ["private.pem", "public.pem"])
def test_a_key_is_never_written_over_a_file_and_leaves_no_half(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(SigningError, match="exists already and is never written over"):
        KEY.save(tmp_path / "private.pem", tmp_path / "public.pem")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken, "mine")]


@pytest.mark.parametrize(
    "spell",
    [
        lambda key: key.raw.hex(),
        lambda key: key.raw.hex().upper(),
        lambda key: base64.b64encode(key.raw).decode(),
        lambda key: key.pem.decode(),
    ],
    ids=["hex", "upper hex", "base64", "pem"],
)
def test_a_public_key_may_be_given_in_each_spelling_as_a_value_or_in_a_file(tmp_path: Path, spell: Callable[..., str]) -> None:
    (tmp_path / "key").write_text(f"{spell(KEY.public)}\n")
    assert load_public(spell(KEY.public)) == load_public(str(tmp_path / "key")) == (KEY.public,)
    assert load_public(f"{spell(OTHER.public)}, {tmp_path / 'key'}") == (OTHER.public, KEY.public)


def test_a_file_may_hold_several_keys(tmp_path: Path) -> None:
    (tmp_path / "keys.pem").write_bytes(KEY.public.pem + OTHER.public.pem)
    assert load_public(str(tmp_path / "keys.pem")) == (KEY.public, OTHER.public)


def rsa_public(folder: Path) -> str:
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", folder / "rsa.pem"], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", folder / "rsa.pem", "-pubout", "-out", folder / "rsa.pub"], check=True)
    return str(folder / "rsa.pub")


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: " , ",
        lambda folder: "nowhere.pem",
        lambda folder: "ab" * 31,
        lambda folder: str(folder),
        lambda folder: "\0",
        lambda folder: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        rsa_public,
    ],
    ids=["nothing", "no file", "short", "a folder", "no path", "no PEM", "RSA"],
)
def test_what_is_no_ed25519_public_key_is_refused_in_a_sentence(tmp_path: Path, make: Callable[[Path], str]) -> None:
    with pytest.raises(SigningError, match=r"Ed25519|cannot be read"):
        load_public(make(tmp_path))


def test_what_is_no_ed25519_private_key_is_refused_in_a_sentence(tmp_path: Path) -> None:
    rsa_public(tmp_path)
    (tmp_path / "public.pem").write_bytes(KEY.public.pem)
    for name in ("rsa.pem", "public.pem", "nowhere.pem"):
        with pytest.raises(SigningError, match=name):
            load_private(tmp_path / name)


def test_openssl_verifies_what_we_sign_and_we_verify_what_openssl_signs(signed: Path, tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_bytes(KEY.public.pem)
    manifest = signed / "manifests" / "00000002.json"
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", tmp_path / "public.pem"]
    done = subprocess.run([*command, "-in", manifest, "-sigfile", beside(signed, 2)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n")
    done = subprocess.run([*command, "-in", manifest, "-sigfile", beside(signed, 1)], capture_output=True, text=True, check=False)
    assert done.returncode == 1

    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "theirs.pem"], check=True)
    theirs = load_private(tmp_path / "theirs.pem")
    sign = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", tmp_path / "theirs.pem", "-in", manifest]
    raw = subprocess.run(sign, capture_output=True, check=True).stdout
    assert raw == theirs.sign(manifest.read_bytes())
    assert theirs.public.accepts(raw, manifest.read_bytes())


def test_a_signed_chain_is_good_to_who_has_the_key_and_unchecked_to_others(signed: Path) -> None:
    chain = accept(FolderSource(signed), DEMANDING)
    assert (chain.problem, chain.signed) == (None, True)
    assert {(found.state, found.key) for found in chain.signatures.values()} == {("good", KEY.public.fingerprint)}
    chain = accept(FolderSource(signed), Policy())
    assert (chain.signed, {found.state for found in chain.signatures.values()}) == (False, {"unchecked"})
    assert [path.stat().st_size for path in map(beside, [signed] * 3, (1, 2, 3))] == [64] * 3
    record = verify_store(signed, policy=DEMANDING).to_dict()
    assert (record["ok"], record["signed"]) == (True, True)
    assert {(each["signature"], each["signer"]) for each in record["snapshots"]} == {("good", KEY.public.fingerprint)}


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "it is not signed, and a key is configured"),
        (lambda path: overwrite(path, b""), "is not one of this manifest by a configured key"),
        (lambda path: overwrite(path, path.read_bytes()[:63]), "is not one of this manifest by a configured key"),
        (lambda path: overwrite(path, path.read_bytes() + b"\n"), "larger than 64 bytes"),
        (lambda path: overwrite(path, bytes(64)), "is not one of this manifest by a configured key"),
        (lambda path: overwrite(path, OTHER.sign(path.with_suffix("").read_bytes())), "is not one of this manifest by a configured key"),
        (lambda path: overwrite(path, path.with_name("00000001.json.sig").read_bytes()), "is not one of this manifest"),
        (as_pipe, "it is not a regular file"),
    ],
    ids=["missing", "empty", "63 bytes", "65 bytes", "zeros", "another key", "another manifest", "pipe"],
)
def test_without_a_good_signature_the_chain_is_frozen_before_the_manifest(signed: Path, harm: Callable[[Path], None], said: str) -> None:
    harm(beside(signed, 2))
    chain = accept(FolderSource(signed), DEMANDING)
    assert chain.problem is not None
    assert (chain.head.seq, chain.problem.seq, chain.problem.reason) == (1, 2, "signature")
    assert str(chain.problem).startswith("The chain breaks at manifest 00000002.json: ")
    assert said in str(chain.problem)
    assert verify_store(signed, policy=DEMANDING).exit_code == 1
    assert accept(FolderSource(signed), Policy()).problem is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=120)
@given(st.integers(1, 3), st.booleans(), st.integers(0, 1 << 20), st.integers(1, 255))
def test_a_flip_of_any_byte_of_a_manifest_or_signature_is_noticed(signed: Path, seq: int, flipped: bool, place: int, mask: int) -> None:
    path = beside(signed, seq)
    path = path if flipped else path.with_suffix("")
    raw = path.read_bytes()
    place %= len(raw)
    overwrite(path, raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :])
    try:
        chain = accept(FolderSource(signed), DEMANDING)
        assert chain.problem is not None
        assert chain.problem.seq == seq
        assert len(chain.manifests) == seq - 1
    finally:
        overwrite(path, raw)


def test_any_of_several_keys_may_have_signed(signed: Path) -> None:
    both = Policy(keys=(OTHER.public, KEY.public))
    publish(signed, [batch(events(1, 20))], name="day-3", key=OTHER, policy=both)
    chain = accept(FolderSource(signed), both)
    assert [chain.signature(seq).key for seq in (1, 2, 3, 4)] == [KEY.public.fingerprint] * 3 + [OTHER.public.fingerprint]
    assert accept(FolderSource(signed), DEMANDING).problem.seq == 4  # type: ignore[union-attr]


def test_an_unsigned_manifest_is_not_added_where_readers_want_signatures(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="newest manifest of this store is signed"):
        publish(signed, [], name="next")
    for key in (None, OTHER):
        with pytest.raises(PublishError, match="signed by a configured key"):
            publish(tmp_path / "new", [], name="next", key=key, policy=DEMANDING)
    assert publish(signed, [], name="next", key=KEY, policy=DEMANDING).seq == 4


def test_a_chain_is_signed_afterwards_and_no_signature_is_replaced(tmp_path: Path) -> None:
    for number in range(3):
        publish(tmp_path, [batch(events(1, number))], name=f"day-{number}")
    overwrite_new = OTHER.sign((tmp_path / "manifests" / "00000002.json").read_bytes())
    beside(tmp_path, 2).write_bytes(overwrite_new)
    assert sign_chain(tmp_path, KEY, DEMANDING) == (2, 0, 1)
    assert sign_chain(tmp_path, KEY) == (0, 2, 1)
    assert beside(tmp_path, 2).read_bytes() == overwrite_new
    assert accept(FolderSource(tmp_path), Policy(keys=(KEY.public, OTHER.public))).signed
    assert [path.name for path in (tmp_path / "manifests").glob(".tmp-*")] == []


def test_a_chain_that_was_rolled_back_is_not_signed(tmp_path: Path) -> None:
    policy = Policy(state=tmp_path / "state")
    for number in range(2):
        publish(tmp_path / "s", [batch(events(1, number))], name=f"day-{number}", policy=policy)
    (tmp_path / "s" / "manifests" / "00000002.json").unlink()
    with pytest.raises(PublishError, match=r"00000002\.json was accepted"):
        sign_chain(tmp_path / "s", KEY, policy)
    assert not beside(tmp_path / "s", 1).exists()


def test_a_broken_chain_is_not_signed(signed: Path) -> None:
    (signed / "manifests" / "00000002.json").unlink()
    with pytest.raises(PublishError, match=r"00000002\.json"):
        sign_chain(signed, KEY)


SIGNING = """
from pathlib import Path
from events import batch, events
from auditlib.store import publish
from auditlib.store.signing import load_private
key = load_private(Path(sys.argv[4]))
sys.addaudithook(kill_before)
publish(Path(sys.argv[3]), [batch(events(3, 50))], name="next", key=key)
"""


@pytest.mark.parametrize("link", [1, 2, 3])
def test_a_signer_killed_before_any_link_leaves_no_manifest_without_its_signature(signed: Path, tmp_path: Path, link: int) -> None:
    KEY.save(tmp_path / "private.pem", tmp_path / "public.pem")
    run_killed(SIGNING, link, "os.link", signed, tmp_path / "private.pem")
    assert beside(signed, 4).exists() == (link == 3)
    assert verify_store(signed, policy=DEMANDING).ok
    assert publish(signed, [batch(events(2, 60))], name="next", key=KEY).seq == 4
    report = verify_store(signed, policy=DEMANDING)
    assert (report.ok, len(report.snapshots), report.unlisted) == (True, 4, ())
    assert [path.name for path in signed.rglob(".tmp-*")] == []


def test_a_strangers_signature_in_the_next_place_stops_the_publisher(signed: Path) -> None:
    beside(signed, 4).write_bytes(b"x" * 64)
    with pytest.raises(PublishError, match=r"00000004\.json\.sig exists already"):
        publish(signed, [], name="next", key=KEY)
    assert beside(signed, 4).read_bytes() == b"x" * 64
    assert verify_store(signed, policy=DEMANDING).ok


def test_a_whole_chain_by_another_key_is_refused_from_its_start(signed: Path, tmp_path: Path) -> None:
    for path in (signed / "manifests").glob("*.sig"):
        path.unlink()
    sign_chain(signed, OTHER)
    chain = accept(FolderSource(signed), DEMANDING)
    assert (chain.manifests, chain.log_id) == ((), "")
    with pytest.raises(ChainError, match="by a configured key"):
        accept(FolderSource(shutil.copytree(signed, tmp_path / "copy")), Policy(keys=DEMANDING.keys, strict=True))
