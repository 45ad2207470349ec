"""The area under precision against recall; the reference counts true box by true box."""

import torch

from coursekit.evaluation.average_precision import average_precision
from coursekit.exercises.model import Case, Exercise, Probe


def my_average_precision(hits, n_true):
    """hits: (D,) 1 or 0 for each detection, most confident first. n_true: how many true boxes. Return AP, a tensor."""
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    envelope = precision.flip(0).cummax(0).values.flip(0)  # the best from here to the end
    return (envelope * hits).sum() / n_true  # every hit raises recall by 1 / n_true


def _cases():
    lists = {
        "the five detections above, 4 true boxes": ((1, 1, 0, 1, 0), 4),
        "a mistake first, then three hits, 3 true boxes": ((0, 1, 1, 1), 3),
        "hits and misses in turn, 5 true boxes": ((1, 0, 1, 0, 1, 0, 1), 5),
        "a late hit after many misses, 2 true boxes": ((1, 0, 0, 0, 0, 0, 1), 2),
        "two misses, then better and better, 9 true boxes": ((0, 0, 1, 1, 0, 1, 1, 1), 9),
        "everything found, no mistake": ((1, 1, 1), 3),
        "one hit, 6 true boxes": ((1,), 6),
        "no hit at all": ((0, 0, 0), 2),
    }
    found = [Case(says, (torch.tensor(hits), n)) for says, (hits, n) in lists.items()]
    nothing = Case("no detection at all", (torch.zeros(0, dtype=torch.long), 3), "Without a detection AP is 0.")
    return [*found, nothing]


LATER = Probe(
    "Two more wrong detections, less sure than all others, change {result}; they come after the last hit.",
    lambda hits, n_true: (torch.cat([hits, hits.new_zeros(2)]), n_true),
)
EXERCISE = Exercise(
    lesson="11",
    solution=my_average_precision,
    reference=average_precision,
    cases=_cases,
    probes=(LATER,),
    sizes=lambda hits, n_true: {"n_true": n_true, "D": len(hits)},
)
