"""The check of the certificate that the public port shows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address

from fleet.entrance import public_host
from ops.doctor.check import Finding
from ops.doctor.remedies import renew_public_certificate
from ops.doctor.scene import Scene


def judge_public_certificate(scene: Scene) -> Iterator[Finding]:
    shown, host = scene.certificate, public_host(scene.settings)
    if shown is None:
        return
    if scene.now > shown.due:
        ends = datetime.fromtimestamp(shown.ends, UTC)
        verb = "expires" if scene.now < shown.ends else "expired"
        yield Finding(
            f"The public certificate {verb} on {ends:%Y-%m-%d} (UTC).",
            f"It was not renewed in time. Clients refuse an expired one.{scene.log_of('fleet')}",
            renew_public_certificate(scene),
        )
    if not _is_this_machine(host) and not shown.is_for(host):
        yield Finding(
            f"The public certificate is for {', '.join(shown.names) or 'no name'}, not for {host}.",
            "HUBBUB_PUBLIC_URL has another host, or it is another site's certificate. Clients "
            "refuse it.",
            renew_public_certificate(scene),
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
