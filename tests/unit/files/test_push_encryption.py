"""The encryption of push messages, checked against the example of RFC 8291, section 5."""

from base64 import urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)

from files.push.encryption import MAX_PLAIN_BYTES, decode_key, encrypt
from tests.fixtures.push_service import decrypt

PLAIN = b"When I grow up, I want to be a watermelon"
OWN_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER_PUBLIC = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
BROWSER_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)


def private_key(text: str) -> EllipticCurvePrivateKey:
    return derive_private_key(int.from_bytes(decode_key(text), "big"), SECP256R1())


def test_the_example_of_the_standard() -> None:
    """The same keys, salt and text give the same bytes, and they can be decrypted."""
    made = encrypt(
        PLAIN,
        decode_key(BROWSER_PUBLIC),
        decode_key(SECRET),
        own_key=private_key(OWN_PRIVATE),
        salt=decode_key(SALT),
    )
    assert urlsafe_b64encode(made).rstrip(b"=").decode() == MESSAGE
    assert decrypt(made, private_key(BROWSER_PRIVATE), decode_key(SECRET)) == PLAIN


def test_the_longest_text_fits_into_what_push_services_take() -> None:
    """4,096 bytes in total, and each message has its own keys."""
    one, other = (
        encrypt(b"x" * MAX_PLAIN_BYTES, decode_key(BROWSER_PUBLIC), decode_key(SECRET))
        for _ in range(2)
    )
    assert len(one) == 4096
    assert one[:100] != other[:100]


@pytest.mark.parametrize("key", [b"", b"\x04" + bytes(64), b"\x05" + bytes(64)])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    """A point that is not on the curve would leak the key."""
    with pytest.raises(ValueError, match=r"(?i)point|key|empty"):
        encrypt(PLAIN, key, decode_key(SECRET))
