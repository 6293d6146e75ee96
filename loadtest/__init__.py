"""People under load: what they do, and how what they posted arrived."""
