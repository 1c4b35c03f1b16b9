"""`python -m alisio.cli` is the command `alisio`."""

from alisio.cli.main import main

main()
