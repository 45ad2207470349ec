"""The teacher's answers: what keeps them from all being the same one, and from saying nothing.

Centering (Caron et al., DINO, ICCV 2021) takes from every prototype the mean of its scores, so that none wins for all
images; by itself it drives the answers to uniform. Sharpening, a low temperature, does the opposite. Sinkhorn's shares
(SwAV, and DINOv2, Oquab et al., 2023) do the centre's work within the batch.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from coursekit.methods.base import processes
from coursekit.methods.precision import in_float32
from coursekit.methods.sinkhorn import sinkhorn
from coursekit.runtime import CourseError

CENTERINGS = ("sinkhorn", "center", "none")


@in_float32
@torch.no_grad()
def sharpened(scores: Tensor, center: Tensor, temperature: float) -> Tensor:
    """The teacher's distribution over prototypes, softmax((scores - center) / temperature): (N, K), rows sum to 1.

    scores: (N, K) of the teacher. center: (K,), the mean of past scores. temperature: tau_t, > 0; low = sharp.
    """
    return ((scores - center) / temperature).softmax(dim=1)


class Center(nn.Module):
    """The running mean c of the teacher's scores: c <- m c + (1 - m) mean, once a step, after it was used.

    prototypes: K. momentum: m; 0.9 in DINO.

    value: buffer (K,), zeros at first. The mean is over the rows of all processes, each row with the same weight, also
    where processes have different numbers of rows, as iBOT's masked patches; DINOv2's code averages processes' means.
    """

    def __init__(self, prototypes: int, momentum: float = 0.9):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("value", torch.zeros(prototypes))

    @torch.no_grad()
    def update(self, scores: Tensor) -> None:
        """Move towards the mean of this batch's scores, (N, K); without any row on any process it stays."""
        scores = scores.to(self.value.dtype)  # whatever precision the teacher computes in
        total = torch.cat([scores.sum(dim=0), scores.new_full((1,), len(scores))])
        if processes() > 1:
            dist.all_reduce(total)
        if total[-1] > 0:
            self.value.lerp_(total[:-1] / total[-1], 1 - self.momentum)


@torch.no_grad()
def shared_sinkhorn(scores: Tensor, temperature: float, iterations: int = 3) -> Tensor:
    """`sinkhorn` over the rows of all processes -> this process's rows, (N, K). N may differ from process to process."""
    if processes() == 1:
        return sinkhorn(scores, temperature, iterations) if len(scores) else scores.float()
    counts = [torch.zeros(1, dtype=torch.long, device=scores.device) for _ in range(processes())]
    dist.all_gather(counts, torch.tensor([len(scores)], device=scores.device))
    counts = torch.cat(counts).tolist()
    if not any(counts):
        return scores.float()
    padded = scores.float().new_zeros(max(counts), scores.shape[1])  # a gather wants the same shape from all
    padded[: len(scores)] = scores
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    everything = torch.cat([part[:n] for part, n in zip(parts, counts, strict=True)])
    first = sum(counts[: dist.get_rank()])
    return sinkhorn(everything, temperature, iterations)[first : first + len(scores)]


class Answers(nn.Module):
    """From the teacher's scores to its answers, in one of three ways.

    centering: "sinkhorn", "center", or "none": then only the temperature is left. prototypes: K. momentum: of the centre.

    Raises CourseError for another word.
    """

    def __init__(self, centering: str, prototypes: int, momentum: float = 0.9):
        super().__init__()
        if centering not in CENTERINGS:
            raise CourseError(f"centering is {centering!r}: give one of {', '.join(CENTERINGS)}.")
        self.centering, self.center = centering, Center(prototypes, momentum)

    def forward(self, scores: Tensor, temperature: float) -> Tensor:
        """(N, K) scores -> (N, K) distributions, rows sum to 1, without gradient. temperature: tau_t, > 0."""
        if self.centering == "sinkhorn":
            return shared_sinkhorn(scores, temperature)
        return sharpened(scores, self.center.value, temperature)

    def update(self, scores: Tensor) -> None:
        """After the step: move the centre, if it is in use."""
        if self.centering == "center":
            self.center.update(scores)
