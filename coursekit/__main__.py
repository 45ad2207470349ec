"""`python -m coursekit`: the command line without its script, as torchrun starts it."""

from coursekit.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
