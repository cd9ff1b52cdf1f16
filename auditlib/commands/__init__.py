"""The commands, one module for each kind; `auditlib/cli.py` puts them in order."""
