"""Processes of one machine: started, watched, probed, restarted, ended."""
