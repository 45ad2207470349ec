"""Widgets around figures, each with a picture of its first state for those who see no widgets."""

from coursekit.widgets.attention import attention_explorer
from coursekit.widgets.explorers import similarity_explorer, views_explorer
from coursekit.widgets.momentum import momentum_explorer
from coursekit.widgets.pretext import pretext_explorer
from coursekit.widgets.queue_clusters import queue_explorer, sinkhorn_explorer
from coursekit.widgets.quiz import quiz_widget
from coursekit.widgets.vote_explorer import vote_explorer

__all__ = [
    "attention_explorer",
    "momentum_explorer",
    "pretext_explorer",
    "queue_explorer",
    "quiz_widget",
    "similarity_explorer",
    "sinkhorn_explorer",
    "views_explorer",
    "vote_explorer",
]
