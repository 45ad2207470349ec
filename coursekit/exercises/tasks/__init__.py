"""The exercises, found by themselves: NAME.py defines EXERCISE, NAME.yaml holds what is said about it and its mistakes."""
