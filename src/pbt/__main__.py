"""``python -m pbt``: the same as ``pbt``."""

from pbt.cli.main import main

if __name__ == "__main__":
    main()
