"""Authentication of requests: access tokens, signing keys, revoked sessions, signed links."""
