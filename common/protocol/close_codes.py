"""Why a socket was closed, and whether its client should come back.

Codes below 4000 are RFC 6455 section 7.4's. "Come back" means: reconnect with jittered back-off and
resume; "stop" means that trying again unchanged will fail again.
"""

from enum import IntEnum


class CloseCode(IntEnum):
    # come back
    NORMAL = 1000
    GOING_AWAY = 1001
    INTERNAL_ERROR = 1011
    DRAINING = 4001  # the reason is a delay in milliseconds, digits only
    TOKEN_EXPIRED = 4003  # refresh first
    NO_PONG = 4006
    SLOW_CONSUMER = 4008
    CONNECT_TIMEOUT = 4010
    # stop
    RFC_PROTOCOL_ERROR = 1002
    INVALID_UTF8 = 1007
    MESSAGE_TOO_BIG = 1009
    UNAUTHENTICATED = 4500
    PROTOCOL_ERROR = 4501
    SESSION_REVOKED = 4502
    TOO_MANY_SOCKETS = 4503
    FLOODING = 4509
