"""`python -m ops doctor`: looks at everything once, then judges it by numbered checks."""
