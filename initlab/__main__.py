"""`python -m initlab`."""

from initlab.cli.app import main

main()
