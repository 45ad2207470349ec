"""InfoNCE of many anchors in little memory: chunk by chunk, with the gradient made on the way."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class ChunkedNCE(torch.autograd.Function):
    """Sum over anchors of log(sum of exp(z_anchor . z_k / tau)) - z_anchor . z_positive / tau, over all rows k not left out.

    z: (N, D), unit length, S rows in a row for each image. anchor, positive: int64 (M,), rows of z, each an anchor once.
    left_out: bool (M, S), rows of the anchor's own image that its sum leaves out.
    temperature: tau. chunk: anchors whose similarities, (chunk, N), are held at a time.

    The usual way keeps the similarities of all anchors for the backward pass, several times. But the derivative of a loss
    by its similarities is their softmax, less 1 at the positive: it is there as soon as the loss is, and two products turn
    it into the gradient of z. So nothing is kept but that, and nothing is computed twice.
    """

    @staticmethod
    def forward(
        ctx, z: Tensor, anchor: Tensor, positive: Tensor, left_out: Tensor, temperature: float, chunk: int
    ) -> Tensor:
        total, gradient, s = z.new_zeros(()), torch.zeros_like(z), left_out.shape[1]
        for rows, plus, out in zip(*(part.split(chunk) for part in (anchor, positive[:, None], left_out)), strict=True):
            own = (rows // s * s)[:, None] + torch.arange(s, device=z.device)  # (m, S), rows of the anchor's image
            x = (z[rows] / temperature) @ z.T  # (m, N); in place from here
            x.scatter_(1, own, x.gather(1, own).masked_fill(out, -torch.inf))
            x.sub_(x.amax(dim=1, keepdim=True))
            right = x.gather(1, plus)
            normalizer = x.exp_().sum(dim=1, keepdim=True)
            total += (normalizer.log() - right).sum()
            if ctx.needs_input_grad[0]:
                x.div_(normalizer)  # softmax
                x.scatter_(1, plus, x.gather(1, plus) - 1)
                gradient[rows] += x @ z
                gradient.addmm_(x.T, z[rows])
        ctx.save_for_backward(gradient.div_(temperature))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, arriving: Tensor):
        return arriving * ctx.saved_tensors[0], None, None, None, None, None
