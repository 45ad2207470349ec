"""The loss of patch contrast at 64 images of 64 patches in two views, 128 numbers each: seconds and memory of one step.

Forward and backward pass of `patch_info_nce`, in chunks as it comes, in one chunk, and as plain autograd does it. Each way
runs in a process of its own, so that its peak of memory is its own; what the process held before, torch and the
embeddings included, is taken off. Rounds alternate. Two geometries: views that are equal, so that all of the 8192 patches
are anchors, which is the most there can be; and DenseCL's random crops, as in training.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

B, GRID, D = 64, (8, 8), 128
ROUNDS, STEPS = 5, 3
PATCHES = 2 * B * GRID[0] * GRID[1]
CHUNKS = {"in chunks of 512": 512, "in one chunk": PATCHES, "plain autograd": 0}
ROOT = Path(__file__).resolve().parents[2]


def peak() -> float:
    """Most memory that this process has held so far, MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if platform.system() == "Darwin" else 1e3)


def plain(z_a, z_b, match, temperature: float = 0.2):
    """The same loss with all similarities in one matrix, which autograd keeps."""
    import torch
    import torch.nn.functional as F

    z = F.normalize(torch.cat([z_a, z_b], dim=1), dim=2)
    b, s, d = z.shape
    image, partner = torch.arange(b), match.partner.clamp(min=0)
    hidden = torch.zeros(b, s, b, s, dtype=torch.bool)
    own = match.same | match.same[image[:, None], partner]
    own = own.scatter(2, partner[:, :, None], False) | torch.eye(s, dtype=torch.bool)
    hidden[image, :, image] = own
    z = z.view(-1, d)
    similarity = (z @ z.T / temperature).masked_fill(hidden.view(b * s, b * s), -torch.inf)
    seen = (match.partner >= 0).flatten()
    return F.cross_entropy(similarity[seen], (partner + s * image[:, None]).flatten()[seen])


def measure(chunk: int, geometry: str) -> dict:
    """One pass: seconds by the clock and of all cores together, the best of some; MB at its peak; anchors; the loss."""
    import torch

    from coursekit import runtime
    from coursekit.draws import Draws
    from coursekit.methods.patch_contrast import PatchContrast, patch_info_nce
    from coursekit.methods.patch_matching import match_patches
    from coursekit.views import crop_theta

    runtime.keep_freed_memory()  # as `pretrain` does
    view = PatchContrast.default_views(64).view
    crops = [crop_theta(B, 96, 96, Draws(0, step), view.scale, view.ratio) for step in (0, 1)]
    thetas = crops if geometry == "random crops" else [torch.eye(2, 3).repeat(B, 1, 1)] * 2
    z = torch.randn(2, B, GRID[0] * GRID[1], D, generator=torch.Generator().manual_seed(0)).requires_grad_()
    torch.optim.AdamW([z]), torch.randn(256, 256) @ torch.randn(256, 256)  # what torch itself loads in a training
    before, seconds, cpu = peak(), [], []
    for _ in range(STEPS):
        clock, work = time.perf_counter(), time.process_time()
        match = match_patches(*thetas, GRID, GRID)
        loss = patch_info_nce(*z, match, chunk=chunk) if chunk else plain(*z, match)
        loss.backward()
        seconds.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - work)
    anchors = int((match.partner >= 0).sum())
    told = {"seconds": min(seconds), "cpu": min(cpu), "mb": peak() - before}
    return {**told, "anchors": anchors, "loss": loss.item(), "threads": torch.get_num_threads()}


def apart(chunk: int, geometry: str) -> dict:
    """`measure` in a process of its own."""
    words = [sys.executable, __file__, str(chunk), geometry]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print a line for each geometry and way."""
    for geometry in ("equal views", "random crops"):
        found = {way: [] for way in CHUNKS}
        for _ in range(ROUNDS):
            for way, chunk in CHUNKS.items():
                found[way].append(apart(chunk, geometry))
        first = found["in chunks of 512"][0]
        print(
            f"{geometry}: {first['anchors']} anchors, {PATCHES} patches of {D} numbers, "
            f"{first['threads']} threads, {ROUNDS} alternating rounds, the best of {STEPS} passes each"
        )
        for way, runs in found.items():
            seconds, cpu, mb = (statistics.median(run[key] for run in runs) for key in ("seconds", "cpu", "mb"))
            most = max(run["seconds"] for run in runs)
            print(
                f"  {way:<18} {seconds:5.2f} s (up to {most:.2f}; {cpu:.2f} s of the cores)  {mb:6.0f} MB  loss {runs[0]['loss']:.6f}"
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
    else:
        main()
