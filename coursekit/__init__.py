"""coursekit: the package behind the course Seeing Without Labels.

Importing it is quick on purpose: rooms are imported when they are used, `from coursekit.views import TwoViews`.
"""

__version__ = "0.1.0"
