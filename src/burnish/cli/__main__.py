"""`python -m burnish.cli`, for where no script was installed."""

from burnish.cli import main

main()
