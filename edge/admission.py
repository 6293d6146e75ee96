"""Admission: authentication and rates, checked before anything else of a request is read. Knows no
route."""

from typing import Final

from common.identity.gate import Gate
from edge.http.headers import find_header
from edge.http.request import AnyRequest
from edge.limits import Limits
from edge.operation import Who

WHO: Final = "who"
RATE: Final = "rate"


class Admission:
    """Reads what a route's handler declares in Litestar's `opt`; without a declaration, the route
    is for signed-in users."""

    def __init__(self, gate: Gate, limits: Limits) -> None:
        self._gate = gate
        self._limits = limits

    async def admit(self, request: AnyRequest) -> None:
        """Raises Refusal: unauthenticated, unavailable, then rate_limited.

        A hook and not a guard: for each guard Litestar copies the whole handler.
        """
        says = request.scope["route_handler"].opt
        who = says.get(WHO)
        if who is Who.EVERYBODY:
            return
        if self._gate.is_behind:
            await self._gate.catch_up()
        caller = self._gate.admit(
            find_header(request.scope, b"authorization"), also_revoked=who is Who.WAS_SIGNED_IN
        )
        if self._gate.is_untold(caller):
            await self._gate.wait_until_told(caller)
        request.scope["user"] = caller
        if rate := says.get(RATE):
            await rate(self._limits, caller.user)
