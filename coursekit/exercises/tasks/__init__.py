"""The exercises, one file each. A new file here is found by itself: it defines EXERCISE, and its name is the exercise's."""
