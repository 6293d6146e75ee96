"""The refresh token of a browser: a cookie that no script can read and no other site can use.

RFC 6265bis. A page asks for it with `X-Hubbub-Session: cookie`, a header that a foreign page cannot
send without this origin's consent; SameSite and a check of Origin stand behind it.
"""

from urllib.parse import urlsplit

from common.protocol.errors import Refusal
from common.protocol.limits import REFRESH_TOKEN_SECONDS
from edge.http.request import AnyRequest


class SessionCookie:
    """Reads and writes the cookie; `https` selects one of the two names."""

    def __init__(self, *, https: bool, origins: tuple[str, ...]) -> None:
        self._origins = origins
        # __Host- demands Secure and the path /. Cookies know no ports: two systems on one host
        # would log each other's users out.
        port = urlsplit(origins[0]).port if origins else None
        self._name = "__Host-hubbub-refresh" if https else f"hubbub-refresh-{port or 80}"
        place = "Path=/; Secure" if https else "Path=/api/user"
        self._attributes = f"{place}; HttpOnly; SameSite=Strict"

    def is_wanted(self, request: AnyRequest) -> bool:
        """Whether the page requests the cookie. Raises Refusal forbidden for a foreign page."""
        if request.headers.get("x-hubbub-session") != "cookie":
            return False
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise Refusal(
                "forbidden",
                "This origin may not use sessions here: it is neither HUBBUB_PUBLIC_URL nor one of "
                "HUBBUB_ORIGINS.",
            )
        return True

    def read(self, request: AnyRequest) -> str | None:
        """The refresh token, if the browser sent one. Ignores cookies of other programs on this
        host, including malformed ones."""
        for pair in request.headers.get("cookie", "").split(";"):
            name, _, value = pair.partition("=")
            if name.strip() == self._name:
                return value.strip()
        return None

    def setting(self, refresh_token: str) -> dict[str, str]:
        """The header that stores the token until it expires."""
        value = f"{self._name}={refresh_token}; Max-Age={REFRESH_TOKEN_SECONDS}"
        return {"Set-Cookie": f"{value}; {self._attributes}"}

    def clearing(self) -> dict[str, str]:
        return {"Set-Cookie": f"{self._name}=; Max-Age=0; {self._attributes}"}
