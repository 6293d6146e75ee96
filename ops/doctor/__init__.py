"""`python -m ops doctor`: collects facts once, then evaluates them with numbered checks."""
