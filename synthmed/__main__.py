"""``python -m synthmed``."""

from synthmed.cli import main

if __name__ == "__main__":
    main()
