"""`python -m flows` is `toolloom`."""

from flows.cli import main

main()
