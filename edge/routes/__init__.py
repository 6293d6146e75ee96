"""The handlers of the public routes, one file a resource."""
