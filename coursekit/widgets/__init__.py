"""Widgets around figures, each with a picture of its first state for those who see no widgets."""

from coursekit.widgets.attention import attention_explorer
from coursekit.widgets.cell_explorer import cell_explorer
from coursekit.widgets.centering import centering_explorer
from coursekit.widgets.explorers import similarity_explorer, views_explorer
from coursekit.widgets.masking import masking_explorer
from coursekit.widgets.methods import method_explorer
from coursekit.widgets.momentum import momentum_explorer
from coursekit.widgets.patch_explorer import patch_explorer
from coursekit.widgets.payoff import payoff_explorer
from coursekit.widgets.pretext import pretext_explorer
from coursekit.widgets.queue_clusters import queue_explorer, sinkhorn_explorer
from coursekit.widgets.quiz import quiz_widget
from coursekit.widgets.threshold_explorer import threshold_explorer
from coursekit.widgets.vote_explorer import vote_explorer

__all__ = [
    "attention_explorer",
    "cell_explorer",
    "centering_explorer",
    "masking_explorer",
    "method_explorer",
    "momentum_explorer",
    "patch_explorer",
    "payoff_explorer",
    "pretext_explorer",
    "queue_explorer",
    "quiz_widget",
    "similarity_explorer",
    "sinkhorn_explorer",
    "threshold_explorer",
    "views_explorer",
    "vote_explorer",
]
