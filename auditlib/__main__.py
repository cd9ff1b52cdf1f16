"""`python -m auditlib`."""

from auditlib.cli import main

if __name__ == "__main__":
    main()
