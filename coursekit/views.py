"""Random views of a batch, made on the device that trains, every image with its own draw.

The recipe is SimCLR's (Chen et al., ICML 2020, appendix A): random resized crop, horizontal flip, colour jitter,
grayscale, Gaussian blur, solarize (BYOL, Grill et al., NeurIPS 2020), normalisation. Three facts make it fast without
a worker process:

- crop, flip, resize and blur are linear along rows and columns: together they are `rows @ image @ columns.T`;
- brightness, contrast, saturation, hue and grayscale are affine maps of RGB: together one 3 x 3 matrix and an offset;
- bfloat16 holds every level of a pixel (0 ... 255) exactly, so a CPU that multiplies it natively may.

Three details differ from a chain of PIL transforms: jitter is applied in one fixed order, values are clamped to [0, 1]
once at the end instead of after each step, and hue is a rotation about the grey axis in YIQ instead of a shift in HSV.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit import runtime
from coursekit.draws import Draws
from coursekit.runtime import CourseError

MEAN = (0.485, 0.456, 0.406)  # of ImageNet's RGB in [0, 1]; the usual choice, also for other photographs
STD = (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: what grayscale and YIQ call brightness
YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


class View(NamedTuple):
    """One augmented look at a batch.

    pixels: float (B, 3, S, S), normalised. theta: float32 (B, 2, 3), the affine map from view to image coordinates,
    both in [-1, 1] with align_corners=False; never rounded to half precision. mask: bool (B, P), which patches are
    hidden, if a method hides any. target: the free label, if a pretext task makes one.
    """

    pixels: Tensor
    theta: Tensor
    mask: Tensor | None = None
    target: Tensor | None = None


def normalize(rgb: Tensor, in_place: bool = False) -> Tensor:
    """RGB in [0, 1], (..., 3, H, W) -> zero mean and unit variance over ImageNet."""
    mean, std = (torch.tensor(v, dtype=rgb.dtype, device=rgb.device).view(3, 1, 1) for v in (MEAN, STD))
    return rgb.sub_(mean).div_(std) if in_place else (rgb - mean) / std


def denormalize(pixels: Tensor) -> Tensor:
    """The inverse of `normalize`, clamped to [0, 1], for showing."""
    mean, std = (torch.tensor(v, dtype=pixels.dtype, device=pixels.device).view(3, 1, 1) for v in (MEAN, STD))
    return (pixels * std + mean).clamp(0, 1)


def check_images(images: Tensor) -> None:
    """Raise CourseError unless images is uint8 (B, 3, H, W)."""
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
        raise CourseError(
            f"Views are made of uint8 images (B, 3, H, W), not {images.dtype} {tuple(images.shape)}. "
            "One image: images[i : i + 1]."
        )


# --- where: crop, flip, resize and blur -------------------------------------------------------------------------


def crop_theta(
    n: int, height: int, width: int, draws: Draws, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), flip=0.5
) -> Tensor:
    """Thetas of n random resized crops (Szegedy et al., CVPR 2015): float32 (n, 2, 3).

    n, height, width: number and size of the images, px.
    draws: the step's random numbers.
    scale: share of the image's area.
    ratio: width over height, log-uniform.
    flip: probability that a crop is mirrored.

    As in torchvision, the first of ten candidates that fits into the image is taken, and the whole image if none fits.
    """
    area = draws.uniform(n, 10, low=scale[0], high=scale[1]) * height * width
    aspect = torch.exp(draws.uniform(n, 10, low=math.log(ratio[0]), high=math.log(ratio[1])))
    w, h = (area * aspect).sqrt() / width, (area / aspect).sqrt() / height  # (n, 10), 1 = the whole side
    fits = (w <= 1) & (h <= 1)
    first = fits.float().argmax(dim=1, keepdim=True)  # 0 if none fits
    none = ~fits.any(dim=1, keepdim=True)
    w, h = (side.gather(1, first).masked_fill(none, 1.0).squeeze(1) for side in (w, h))  # (n,)
    center = draws.uniform(n, 2, low=-1.0, high=1.0)
    mirrored = 1 - 2 * (draws.uniform(n) < flip).float()  # -1: flipped
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = w * mirrored, center[:, 0] * (1 - w)
    theta[:, 1, 1], theta[:, 1, 2] = h, center[:, 1] * (1 - h)
    return theta


def _resize_matrix(
    scale: Tensor, offset: Tensor, n_in: int, n_out: int, sigma: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """(B, n_out, n_in): each row holds the weights with which one output pixel averages the input's pixels.

    A triangle as wide as an output pixel, never narrower than an input pixel: antialiased bilinear, as in PIL. sigma:
    Gaussian blur in output pixels, (B,), 0 = none.
    """
    out = (torch.arange(n_out, device=scale.device) + 0.5) * 2 / n_out - 1  # pixel centres in [-1, 1]
    center = ((scale[:, None] * out + offset[:, None]) + 1) * n_in / 2  # (B, n_out), input pixels
    reach = (scale.abs() * n_in / n_out).clamp(min=1.0)  # (B,)
    at = torch.arange(n_in, device=scale.device) + 0.5
    weight = (at - center[:, :, None]).abs_()  # in place from here: memory is the cost
    weight.div_(-reach[:, None, None]).add_(1).clamp_(min=0)
    weight.div_(weight.sum(dim=2, keepdim=True))  # also mends the border
    if sigma is not None:
        far = torch.arange(1 - n_out, n_out, device=scale.device).square()  # (2 * n_out - 1,)
        bell = -far / (2 * sigma.clamp(min=0.05)[:, None].square())  # 0.05 px: the identity
        bell = bell.clamp(min=-40.0).exp()  # denormals are 10 x slower
        blur = bell.unfold(1, n_out, 1).flip(1)  # row i: the bell around pixel i, (B, n_out, n_out)
        weight = (blur / blur.sum(dim=2, keepdim=True)).to(dtype) @ weight.to(dtype)
    return weight.to(dtype)


def resample(
    images: Tensor, theta: Tensor, size: int, sigma: Tensor | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Look at images through theta: float32 (B, 3, size, size), in the scale of the images' values.

    images: uint8 or float (B, 3, H, W).
    theta: (B, 2, 3), without rotation.
    size: side of the view, px.
    sigma: (B,) Gaussian blur in pixels of the view.
    dtype: format of the two products; bfloat16 rounds the result about as coarsely as an 8-bit pixel.

    Agrees with affine_grid and grid_sample if the view enlarges, and antialiases if it shrinks.
    """
    b, c, height, width = images.shape
    theta = theta.to(images.device)
    sigma = None if sigma is None else sigma.to(images.device)
    rows = _resize_matrix(theta[:, 1, 1], theta[:, 1, 2], height, size, sigma, dtype)  # (B, S, H)
    columns = _resize_matrix(theta[:, 0, 0], theta[:, 0, 2], width, size, sigma, dtype)  # (B, S, W)
    x = images.to(dtype).reshape(b, c * height, width) @ columns.mT  # (B, 3*H, S)
    return (rows[:, None] @ x.view(b, c, height, size)).float()  # (B, 3, S, S)


# --- what colour: one affine map of RGB -------------------------------------------------------------------------


def color_matrix(
    mean: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor, gray: Tensor
) -> tuple[Tensor, Tensor]:
    """Brightness, contrast, saturation, hue and grayscale as one map x -> matrix @ x + offset.

    mean: (B, 3), each view's mean RGB, about which contrast turns.
    brightness, contrast, saturation: (B,) factors, 1 = unchanged.
    hue: (B,) turns of the colour circle, 0 = unchanged.
    gray: bool (B,), which views lose their colour.

    -> matrix (B, 3, 3), offset (B, 3)
    """
    luma = mean.new_tensor(LUMA)
    eye = torch.eye(3, dtype=mean.dtype, device=mean.device)
    to_gray = luma.expand(3, 3)  # every channel = brightness
    to_yiq = mean.new_tensor(YIQ)
    angle = hue * 2 * math.pi
    turn = eye.repeat(len(mean), 1, 1)
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    hue_map = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    s = saturation[:, None, None]
    color = hue_map @ (s * eye + (1 - s) * to_gray)
    color = torch.where(gray[:, None, None], to_gray @ color, color)
    level = brightness * (mean @ luma)  # mean grey after brightness
    matrix = (contrast * brightness)[:, None, None] * color
    offset = ((1 - contrast) * level)[:, None] * color.sum(dim=2)
    return matrix, offset


@dataclass(frozen=True)
class RandomView:
    """SimCLR's random view; set any strength to 0 to switch that transform off.

    size: side of the view, px.
    scale, ratio: ranges of the crop's share of the area and of its width over height.
    flip, jitter, grayscale, blur, solarize: probabilities; jitter's is that of the next four together.
    brightness, contrast, saturation: largest change of the factor, so 0.8 draws from [0.2, 1.8].
    hue: largest turn, as a share of the colour circle.
    sigma: range of the blur, px of the view.
    threshold: solarize inverts what is brighter, 0 to 1.

    Defaults are SimCLR's for ImageNet at strength 1; solarize, which SimCLR does not use, is off.
    """

    size: int
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    brightness: float = 0.8
    contrast: float = 0.8
    saturation: float = 0.8
    hue: float = 0.2
    jitter: float = 0.8
    grayscale: float = 0.2
    blur: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)
    solarize: float = 0.0
    threshold: float = 0.5

    def __post_init__(self):
        if self.size < 1 or not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise CourseError(
                f"A view needs size >= 1 px and 0 < scale[0] <= scale[1] <= 1, not {self.size} and {self.scale}."
            )

    def __call__(self, images: Tensor, draws: Draws) -> View:
        """One view of each image. images: uint8 (B, 3, H, W) on any device -> View on that device. Raises CourseError."""
        check_images(images)
        n, device = len(images), images.device
        theta = crop_theta(n, *images.shape[2:], draws, self.scale, self.ratio, self.flip)
        blurred = (draws.uniform(n) < self.blur) * draws.uniform(n, low=self.sigma[0], high=self.sigma[1])
        jittered = (draws.uniform(n) < self.jitter).float()
        spread = draws.uniform(n, 4, low=-1.0, high=1.0) * jittered[:, None]
        gray, solarized = draws.uniform(n) < self.grayscale, draws.uniform(n) < self.solarize

        dtype = torch.bfloat16 if runtime.native_bfloat16(device.type) else torch.float32
        x = resample(images, theta, self.size, blurred if self.blur else None, dtype).div_(255)
        b, c, s = (
            1 + strength * spread[:, i] for i, strength in enumerate((self.brightness, self.contrast, self.saturation))
        )
        values = (v.to(device) for v in (b.clamp(min=0), c.clamp(min=0), s.clamp(min=0), self.hue * spread[:, 3], gray))
        x = recolor(x, *values)
        if self.solarize:
            x = torch.where(solarized.to(device)[:, None, None, None] & (x > self.threshold), 1 - x, x)
        return View(normalize(x, in_place=True), theta.to(device))


def recolor(rgb: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor, gray: Tensor) -> Tensor:
    """Apply `color_matrix` to each view and clamp. rgb: (B, 3, S, S) in [0, 1] -> the same shape and range."""
    matrix, offset = color_matrix(rgb.mean(dim=(2, 3)), brightness, contrast, saturation, hue, gray)
    return torch.baddbmm(offset[:, :, None], matrix, rgb.flatten(2)).view_as(rgb).clamp_(0, 1)


@dataclass(frozen=True)
class TwoViews:
    """Two independent random views of every image, by one recipe: what contrastive methods compare."""

    view: RandomView

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> two views of S x S px."""
        return [self.view(images, draws), self.view(images, draws)]

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of each view, px."""
        return (self.view.size,) * 2


@dataclass(frozen=True)
class MultiCrop:
    """A few large views and several small, cheap ones (Caron et al., SwAV, NeurIPS 2020).

    large: recipe of the global views, which show most of the image. small: recipe of the local ones. n_large, n_small:
    how many of each. The large ones come first in the list.
    """

    large: RandomView
    small: RandomView
    n_large: int = 2
    n_small: int = 6

    def __post_init__(self):
        if self.n_large < 1 or self.n_small < 0:
            raise CourseError(f"MultiCrop needs n_large >= 1 and n_small >= 0, not {self.n_large} and {self.n_small}.")

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> n_large views of one size, then n_small of another."""
        return [view(images, draws) for view in [self.large] * self.n_large + [self.small] * self.n_small]

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of each view, px."""
        return (self.large.size,) * self.n_large + (self.small.size,) * self.n_small


ViewMaker = Callable[[Tensor, Draws], list[View]]  # a frozen dataclass, so that a run can keep it and compare it
# With `sides`, the side of each view in px, a method can tell before it trains whether number and sizes suit it.


def center_view(images: Tensor, size: int) -> View:
    """The view for evaluation: the largest centred square, resized, nothing random. images: uint8 (B, 3, H, W)."""
    check_images(images)
    height, width = images.shape[2:]
    side = min(height, width)
    theta = torch.tensor([[side / width, 0, 0], [0, side / height, 0]], device=images.device).repeat(len(images), 1, 1)
    return View(normalize(resample(images, theta, size) / 255), theta)
