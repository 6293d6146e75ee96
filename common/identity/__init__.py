"""Who a request comes from: access tokens, signing keys and revoked sessions."""
