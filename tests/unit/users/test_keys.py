"""Signing keys in a process: which one signs, which are published, and how tokens end."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.identity.tokens import TokenError, TokenExpired, TokenVerifier
from common.identity.wrapping import Wrapping, WrongSecret
from users.keys import KeyRing, SigningKey, dead_keys

DAY = 86_400.0


def key(kid: str, *, age: float) -> SigningKey:
    return SigningKey(time.monotonic() - age, kid, Ed25519PrivateKey.generate())


def kids(keys: KeyRing) -> list[str]:
    return [one["kid"] for one in keys.published()]


def signer(keys: KeyRing) -> str:
    return str(jwt.get_unverified_header(keys.sign_access_token("u", "s", 0))["kid"])


def verifier_of(keys: KeyRing) -> TokenVerifier:
    verifier = TokenVerifier()
    verifier.replace_keys(keys.published())
    return verifier


def test_new_key_is_published_before_it_signs() -> None:
    """It signs after a minute, when every verifier has it; the old one stays published."""
    old, new = key("old", age=DAY), key("new", age=0)
    keys = KeyRing([new, old])
    assert (kids(keys), signer(keys)) == (["old", "new"], "old")
    keys.replace([old, key("new", age=61)])
    assert signer(keys) == "new"


def test_a_key_that_is_alone_signs_at_once() -> None:
    """The first one of a system, and the one left after a revocation."""
    assert signer(KeyRing([key("only", age=0)])) == "only"


def test_removed_key_verifies_no_more() -> None:
    """Tokens that it signed are invalid at once for services that have fetched the keys since."""
    keys = KeyRing([key("old", age=DAY)])
    verifier = verifier_of(keys)
    token = keys.sign_access_token("u", "s", 3)
    assert verifier.verify(token)[0].generation == 3
    keys.replace([key("new", age=120)])
    verifier.replace_keys(keys.published())
    with pytest.raises(TokenError):
        verifier.verify(token)


def test_published_keys_are_public() -> None:
    """The published form never contains the private part."""
    (published,) = KeyRing([key("one", age=0)]).published()
    assert published.keys() == {"kty", "crv", "x", "kid", "alg", "use"}


def test_tokens_die_after_fifteen_minutes() -> None:
    """An expired token is distinguished from an invalid one."""
    now, one = time.time(), key("one", age=DAY)
    young = KeyRing([one], clock=lambda: now - 890)
    old = KeyRing([one], clock=lambda: now - 901)
    verifier = verifier_of(young)
    assert verifier.verify(young.sign_access_token("u", "s", 0))[0].user == "u"
    with pytest.raises(TokenExpired):
        verifier.verify(old.sign_access_token("u", "s", 0))


def test_tokens_of_a_later_clock_are_good_within_seconds() -> None:
    """Machines' clocks differ a little; a token from further in the future needs a refresh."""
    now, one = time.time(), key("one", age=DAY)
    verifier = verifier_of(KeyRing([one]))
    near = KeyRing([one], clock=lambda: now + 3)
    far = KeyRing([one], clock=lambda: now + 60)
    assert verifier.verify(near.sign_access_token("u", "s", 0))
    with pytest.raises(TokenExpired):
        verifier.verify(far.sign_access_token("u", "s", 0))


def test_keys_go_when_their_last_token_has_run_out() -> None:
    """Twenty minutes after the next one was created; the newest never."""
    assert dead_keys([("only", DAY)]) == []
    assert dead_keys([("new", 1199.0), ("old", DAY)]) == []
    assert dead_keys([("new", 10.0), ("older", 1201.0), ("oldest", DAY)]) == ["oldest"]


def test_a_wrapped_key_is_opened_by_its_secret_and_name_alone() -> None:
    """Another secret, another name and a changed byte are refused; encrypting twice gives different
    bytes."""
    wrapping = Wrapping("the secret of all replicas")
    wrapped = wrapping.wrap("one", b"k" * 32)
    assert wrapped != wrapping.wrap("one", b"k" * 32)
    assert wrapping.unwrap("one", wrapped) == b"k" * 32
    changed = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    for other, name, sealed in (
        (Wrapping("another secret"), "one", wrapped),
        (wrapping, "two", wrapped),
        (wrapping, "one", changed),
        (wrapping, "one", wrapped[:5]),
    ):
        with pytest.raises(WrongSecret):
            other.unwrap(name, sealed)
