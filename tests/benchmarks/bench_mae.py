"""MAE's saving: a training step with 75 % of the patches hidden, beside the same network that is given all of them.

vit_tiny (width 192, 12 blocks) at 224 px in patches of 16 px, the decoder as it is by default, batches of 32, AdamW, float32.
The second hides a single patch of each image, so that it has something to learn; its encoder sees 195 of 196. Rounds
alternate. Memory is what the forward pass leaves for the backward pass, which is nearly all that grows with the batch.
"""

import statistics
import time

import torch

from coursekit.draws import Draws
from coursekit.evaluation import step_memory
from coursekit.methods import build_method
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.models import build_encoder
from coursekit.training.loop import launch, parameter_groups
from coursekit.training.step import training_step
from coursekit.views import RandomView

BATCH, SIZE, ROUNDS, STEPS = 32, 224, 5, 1
SHARES = {"75 % hidden": 0.75, "1 patch hidden": 1 / 196}


def main() -> None:
    fabric = launch("cpu", "32-true")
    images = torch.randint(
        0, 256, (BATCH, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    steps, seconds, memory = {}, {name: [] for name in SHARES}, {}
    for name, share in SHARES.items():
        torch.manual_seed(0)
        view = RandomView(SIZE, scale=(0.2, 1.0), jitter=0.0, grayscale=0.0, blur=0.0)
        method = build_method("mae", build_encoder("vit_tiny", image_size=SIZE), HiddenPatches(view, 16, share))
        views = method.views(images, Draws(0))
        memory[name] = step_memory(method, images)["activations"]
        method.views = lambda images, draws, views=views: views  # made beforehand: both need one and the same
        optimizer = torch.optim.AdamW(parameter_groups(method, 0.05), lr=1e-4)
        wrapped, optimizer = fabric.setup(method, optimizer)
        steps[name] = lambda m=method, w=wrapped, o=optimizer: training_step(m, w, o, fabric, images, Draws(0), 0.5)
        steps[name]()  # warm the caches
    for _ in range(ROUNDS):
        for name, step in steps.items():
            clock = time.perf_counter()
            for _ in range(STEPS):
                step()
            seconds[name].append((time.perf_counter() - clock) / STEPS)
    print(
        f"one step of {BATCH} images of {SIZE} px, vit_tiny, {torch.get_num_threads()} threads, {ROUNDS} alternating rounds"
    )
    for name in SHARES:
        print(f"  {name:<15} {statistics.median(seconds[name]):6.2f} s {memory[name] / 2**20:7.0f} MiB")
    few, all_of_them = seconds.values()
    ratios = sorted(a / b for a, b in zip(few, all_of_them, strict=True))
    shares = list(memory.values())
    print(
        f"  share           {statistics.median(ratios):6.2f}   {shares[0] / shares[1]:7.2f}"
        f"       (of the seconds, from {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
