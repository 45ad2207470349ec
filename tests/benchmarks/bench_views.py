"""Views a second, ours against lightly's SimCLRTransform: the same recipe, 96 px images to two 64 px views, the same
machine.

lightly runs as its users run it, PIL images through a DataLoader with two workers. Rounds alternate, so that a noisy
neighbour meets both; the ratio of each round is what counts.
"""

import statistics
import time

import torch
from lightly.transforms import SimCLRTransform
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_pil_image

from coursekit import runtime
from coursekit.draws import Draws
from coursekit.views import RandomView, TwoViews

BATCH, ROUNDS = 256, 9


class Pictures(Dataset):
    """PIL images, as a folder dataset hands them on once they are decoded (decoding is not timed for either)."""

    def __init__(self, images: torch.Tensor):
        self.pictures = [to_pil_image(image) for image in images]
        self.transform = SimCLRTransform(input_size=64)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int):
        return self.transform(self.pictures[index])


def main() -> None:
    images = torch.randint(
        0, 256, (8 * BATCH, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    make = TwoViews(RandomView(64))
    runtime.keep_freed_memory()  # as `pretrain` does
    loader = DataLoader(Pictures(images), BATCH, num_workers=2, persistent_workers=True)
    for batch in images.split(BATCH):  # warm the caches
        make(batch, Draws(0))
    for _ in loader:  # start the workers; to the end, so that
        pass  # none is still at work in our first round
    ours, theirs = [], []
    for turn in range(ROUNDS):
        clock = time.perf_counter()
        for step, batch in enumerate(images.split(BATCH)):
            make(batch, Draws(turn, step))
        ours.append(len(images) / (time.perf_counter() - clock))
        clock = time.perf_counter()
        for _ in loader:
            pass
        theirs.append(len(images) / (time.perf_counter() - clock))
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"views of 96 px images, two of 64 px each, {torch.get_num_threads()} threads / 2 workers, "
        f"{'bfloat16' if runtime.native_bfloat16() else 'float32'}, {ROUNDS} alternating rounds"
    )
    print(f"  coursekit.views  {statistics.median(ours):8.0f} images/s")
    print(f"  lightly          {statistics.median(theirs):8.0f} images/s")
    print(f"  ratio            {statistics.median(ratios):8.1f}  (from {ratios[0]:.1f} to {ratios[-1]:.1f})")


if __name__ == "__main__":
    main()
