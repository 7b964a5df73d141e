"""`python -m initlab`."""

from initlab.cli.app import main

if __name__ == "__main__":  # worker processes import it, too
    main()
