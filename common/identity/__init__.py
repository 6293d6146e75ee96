"""Authentication of requests: access tokens, signing keys and revoked sessions."""
