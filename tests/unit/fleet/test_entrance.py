"""What a certificate of the public port says about itself."""

import pytest

from fleet.entrance import ShownCertificate

DAY = 86_400


@pytest.mark.parametrize(
    ("days", "left"), [(6, 0.3), (90, 4.5), (200, 10.0), (398, 14.0), (3_650, 14.0)]
)
def test_a_twentieth_of_its_validity_should_be_left(days: float, left: float) -> None:
    """Of a long one, fourteen days."""
    shown = ShownCertificate(0, days * DAY, ())
    assert shown.due == pytest.approx((days - left) * DAY)


@pytest.mark.parametrize(
    ("host", "is_for"),
    [
        ("chat.example.org", True),
        ("CHAT.Example.org", True),
        ("team.example.net", True),
        ("192.0.2.7", True),
        ("example.net", False),
        ("a.team.example.net", False),
        ("example.org", False),
        ("org", False),
    ],
)
def test_a_wildcard_stands_for_one_label(host: str, is_for: bool) -> None:
    """RFC 9525, section 6.3."""
    shown = ShownCertificate(0, 1, ("chat.example.org", "*.example.net", "192.0.2.7"))
    assert shown.is_for(host) is is_for
