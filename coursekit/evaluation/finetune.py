"""Fine-tuning: train the whole network on the labels, starting from the encoder.

The oldest use of a pretrained network (Girshick et al., Rich Feature Hierarchies, CVPR 2014), and the one that a detector
makes of it. It judges a start, not features: after enough labels and steps a random start arrives too (He et al.,
Rethinking ImageNet Pre-training, ICCV 2019), so a random encoder has to be fine-tuned beside it, for as long.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.draws import Draws
from coursekit.evaluation.features import view_side
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, center_view


@dataclass(frozen=True)
class FinetuneResult:
    """accuracy: share of test images classified correctly, 0 to 1. predictions: int64 (M,). network: encoder and head."""

    accuracy: float
    predictions: Tensor
    network: nn.Sequential


def finetune(
    encoder: Encoder,
    train: ImageSet,
    test: ImageSet,
    steps: int = 200,
    batch_size: int = 128,
    lr: float = 1e-3,
    weight_decay: float = 0.05,
    seed: int = 0,
) -> FinetuneResult:
    """Train a copy of the encoder and a linear head on labelled images, and score it on the test set.

    encoder: stays as it is.
    train, test: labelled images to learn from and to be judged by.
    steps: of AdamW, the learning rate falling from `lr` to 0 by a cosine; none of it is chosen on the test set.
    batch_size: images in a step; of a smaller set, all.
    seed: of the head's weights, the order of the images and their crops.

    Images are cropped to 60 % or more and mirrored at random. Raises CourseError for images without labels, or of fewer
    than two classes.
    """
    arg.count.check(steps=steps, batch_size=batch_size)
    arg.rate.check(lr=lr)
    if train.labels is None or test.labels is None or len(train.labels.unique()) < 2:
        raise CourseError(
            "Fine-tuning needs labelled images of two classes or more, to learn from and to be judged by."
        )
    size, device = view_side(encoder, train.images), next(encoder.parameters()).device
    view = RandomView(size, scale=(0.6, 1.0), jitter=0.0, grayscale=0.0, blur=0.0)
    classes = 1 + int(max(train.labels.max(), test.labels.max()))
    with runtime.restored_random_state():
        runtime.seed_everything(seed)
        network = nn.Sequential(copy.deepcopy(encoder).requires_grad_(True), nn.Linear(encoder.dim, classes)).to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=weight_decay)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        network.train()
        for step in range(steps):
            chosen = torch.randint(len(train), (min(batch_size, len(train)),))
            pixels = view(train.images[chosen].to(device), Draws(seed, step)).pixels
            loss = F.cross_entropy(network(pixels), train.labels[chosen].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
    network.eval()
    with torch.inference_mode():
        parts = test.images.split(256)
        predictions = [network(center_view(part.to(device), size).pixels).argmax(dim=1).cpu() for part in parts]
    predictions = torch.cat(predictions).clone()
    return FinetuneResult((predictions == test.labels).float().mean().item(), predictions, network)
