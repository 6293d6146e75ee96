"""`python -m fleet doctor`: looks at everything once, then judges it by numbered checks."""
