"""Processes of one machine: started, watched, asked, started again, ended."""
