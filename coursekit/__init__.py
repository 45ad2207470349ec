"""coursekit: the package behind the course Seeing Without Labels.

Importing it is quick on purpose: rooms are imported when they are used, `from coursekit.views import TwoViews`.
"""

import os
import sys

__version__ = "0.1.0"

# torch's OpenMP threads wait for each other by spinning. If another program has one of the cores, the ones that wait use
# up the time that the last one needs, and a step takes ten times as long; asleep they cost a step nothing that can be
# measured. OpenMP reads this once, when torch is loaded, so it is too late afterwards; kernels and commands inherit it.
if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
