"""The handlers of the public routes, one file per resource."""
