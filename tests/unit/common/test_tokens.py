"""Access tokens: any wrong claim or header makes one invalid."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.identity.tokens import (
    CLOCK_SKEW_SECONDS,
    Claims,
    TokenError,
    TokenExpired,
    TokenVerifier,
)

KEY, OTHER_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
RAW = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "alg": "EdDSA",
    "use": "sig",
    "kid": "one",
    "x": base64.urlsafe_b64encode(RAW).rstrip(b"=").decode(),
}


@pytest.fixture(params=[False, True], ids=["its first token", "a later one"])
def verifier(request: pytest.FixtureRequest) -> TokenVerifier:
    """The library checks the first token with a header, and later ones only if unusual."""
    verifier = TokenVerifier()
    verifier.replace_keys([JWK])
    if request.param:
        verifier.verify(sign(claims(sid="another")))
    return verifier


def claims(**changes: Any) -> dict[str, Any]:
    """Valid ones; None leaves a claim out."""
    now = int(time.time())
    good = {"iss": "hubbub", "aud": "hubbub", "sub": "user", "sid": "session", "gen": 1}
    all_ = {**good, "exp": now + 900, "nbf": now, **changes}
    return {name: value for name, value in all_.items() if value is not None}


def sign(found: dict[str, Any], key: Any = KEY, kid: str | None = "one") -> str:
    return jwt.encode(found, key, algorithm="EdDSA", headers={"kid": kid} if kid else {})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_good_token_says_who_it_is(verifier: TokenVerifier) -> None:
    """And whether it is seen for the first time."""
    token = sign(found := claims())
    expected = Claims(user="user", session="session", generation=1, expires=found["exp"])
    assert verifier.verify(token) == (expected, True)
    assert verifier.verify(token) == (expected, False)


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("iss", "aud", "sub", "sid", "gen", "exp", "nbf")),
        {"iss": "other"}, {"aud": "other"}, {"aud": []}, {"nbf": 4_000_000_000},
        {"exp": "soon"}, {"gen": "x"}, {"sub": 7}, {"iat": 4_000_000_000},
    ],
    ids=str,
)  # fmt: skip
def test_each_claim_counts(verifier: TokenVerifier, changes: dict[str, Any]) -> None:
    """Missing, another's, of another type, or not valid yet."""
    with pytest.raises(TokenError) as refused:
        verifier.verify(sign(claims(**changes)))
    assert not isinstance(refused.value, TokenExpired)


def test_a_good_token_has_one_spelling(verifier: TokenVerifier) -> None:
    """Else each spelling would take a place in the cache; only full padding is accepted as well."""
    token = sign(claims())
    last = token[-1]
    spare = token[:-1] + chr(ord(last) + 1)  # two bits that no byte needs
    for spelling in (token + "=", token + "!", f"{token}.", spare):
        with pytest.raises(TokenError):
            verifier.verify(spelling)
    assert verifier.verify(token)


def test_a_changed_claim_is_not_signed(verifier: TokenVerifier) -> None:
    """However valid the rest of the token is."""
    head, _, signature = sign(claims()).split(".")
    with pytest.raises(TokenError):
        verifier.verify(f"{head}.{part(claims(sub='other'))}.{signature}")


def test_clocks_may_differ_by_seconds(verifier: TokenVerifier) -> None:
    """A token from a clock that is slightly ahead is already valid."""
    ahead = int(time.time()) + CLOCK_SKEW_SECONDS - 2
    assert verifier.verify(sign(claims(nbf=ahead)))


@pytest.mark.parametrize("is_seen", [False, True])
def test_a_token_from_before_the_clock_was_set_back_is_one_that_has_expired(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    """Its client refreshes it, instead of giving up. Clocks are often set by a second or two."""
    now, token = time.time(), sign(claims(iat=int(time.time())))
    if is_seen:
        verifier.verify(token)
    monkeypatch.setattr(time, "time", lambda: now - 600)
    with pytest.raises(TokenExpired) as refused:
        verifier.verify(token)
    assert refused.value.claims.session == "session"
    monkeypatch.setattr(time, "time", lambda: now - CLOCK_SKEW_SECONDS + 2)
    assert verifier.verify(token)


def test_an_expired_token_is_told_from_a_bad_one(verifier: TokenVerifier) -> None:
    """Also if it was seen while it was valid; one with a bad signature is always invalid."""
    past = claims(exp=int(time.time()) - 1)
    with pytest.raises(TokenExpired):
        verifier.verify(sign(past))
    with pytest.raises(TokenError) as refused:
        verifier.verify(sign(past, OTHER_KEY))
    assert not isinstance(refused.value, TokenExpired)


def test_the_algorithm_is_not_the_tokens_choice(verifier: TokenVerifier) -> None:
    """`none`, and HMAC with the public key, which everybody knows, as its secret."""
    unsigned = f"{part({'alg': 'none', 'kid': 'one'})}.{part(claims())}."
    by_hmac = jwt.encode(claims(), RAW, algorithm="HS256", headers={"kid": "one"})
    for token in (unsigned, by_hmac):
        with pytest.raises(TokenError):
            verifier.verify(token)


def test_the_key_is_one_of_those_that_are_published(verifier: TokenVerifier) -> None:
    """Another key, another id, no id, a key in the header: all are refused."""
    embedded = jwt.encode(
        claims(), OTHER_KEY, algorithm="EdDSA", headers={"kid": "one", "jwk": JWK}
    )
    for token in (
        sign(claims(), OTHER_KEY), sign(claims(), kid="two"), sign(claims(), kid=None), embedded,
    ):  # fmt: skip
        with pytest.raises(TokenError):
            verifier.verify(token)


def test_a_key_that_is_gone_takes_its_tokens_along(verifier: TokenVerifier) -> None:
    """Including those that were verified before."""
    token = sign(claims())
    verifier.verify(token)
    verifier.replace_keys([{**JWK, "kid": "two"}])
    with pytest.raises(TokenError):
        verifier.verify(token)


def test_the_same_keys_again_change_nothing(verifier: TokenVerifier) -> None:
    """Verified tokens are not verified again, and others are checked as before."""
    token = sign(claims())
    verifier.verify(token)
    verifier.replace_keys([dict(JWK)])
    assert not verifier.verify(token)[1]
    with pytest.raises(TokenError):
        verifier.verify(sign(claims(), OTHER_KEY))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é", "x" * 10_000, "a.b.c.d.e", "\0"])
def test_nonsense_is_refused(verifier: TokenVerifier, token: str) -> None:
    """Always with the same exception."""
    with pytest.raises(TokenError):
        verifier.verify(token)
