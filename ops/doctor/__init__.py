"""`python -m ops doctor`: collects facts once, then judges them by numbered checks."""
