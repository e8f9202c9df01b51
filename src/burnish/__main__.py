"""`python -m burnish`: the `burnish` command of this very Python."""

from burnish.cli import main

if __name__ == "__main__":
    main()
