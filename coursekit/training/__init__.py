"""Training: `pretrain`, the one loop for every method; checkpoints; History."""

from coursekit.training.checkpoints import export_encoder, load_encoder, load_run
from coursekit.training.history import History
from coursekit.training.loop import pretrain
