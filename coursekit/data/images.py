"""ImageSet: images as one uint8 tensor, decoded once, so that no epoch pays for JPEG again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coursekit.data import image_sources, image_store
from coursekit.data.drawn import draw_crops, draw_images, drawing_version
from coursekit.data.tensor_file import read_safetensors, write_safetensors
from coursekit.runtime import CourseError, home
from coursekit.scenes.road_scenes import CLASS_NAMES, SUBTYPES

KEPT_FROM = 200  # drawn images: fewer are drawn again sooner than they are found


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, with or without labels.

    images: uint8 (N, 3, H, W), RGB. May be memory-mapped: index it, do not write to it.
    labels: int64 (N,), index into class_names; None if nothing is labelled.
    class_names: names of the labels, and of the values of `masks` minus one.
    masks: uint8 (N, H, W), 0 for background, 1 + class elsewhere; None if there are none.

    `len(images)` is N; slices, index tensors and boolean masks give an ImageSet of the chosen images (of a slice: a
    view). Raises ValueError if shapes or types do not fit together.
    """

    images: Tensor
    labels: Tensor | None = None
    class_names: tuple[str, ...] | None = None
    masks: Tensor | None = None

    def __post_init__(self):
        n, shape = len(self.images), tuple(self.images.shape)
        if self.images.dtype != torch.uint8 or self.images.ndim != 4 or shape[1] != 3:
            raise ValueError(f"images must be uint8 (N, 3, H, W), not {self.images.dtype} {shape}")
        if self.labels is not None and (self.labels.dtype != torch.int64 or tuple(self.labels.shape) != (n,)):
            raise ValueError(f"labels must be int64 ({n},), not {self.labels.dtype} {tuple(self.labels.shape)}")
        if self.masks is not None and (self.masks.dtype != torch.uint8 or tuple(self.masks.shape) != (n, *shape[2:])):
            raise ValueError(f"masks must be uint8 {(n, *shape[2:])}, not {self.masks.dtype} {tuple(self.masks.shape)}")
        if self.class_names is not None:
            object.__setattr__(self, "class_names", tuple(self.class_names))
            if self.labels is not None and n:
                low, high = int(self.labels.min()), int(self.labels.max())
                if not 0 <= low <= high < len(self.class_names):
                    raise ValueError(
                        f"labels go from {low} to {high}, but there are {len(self.class_names)} class names"
                    )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: int | slice | Tensor | list | np.ndarray) -> "ImageSet":
        if isinstance(chosen, (int, np.integer)):
            if not -len(self) <= chosen < len(self):
                raise IndexError(f"image {chosen} of {len(self)}")
            chosen = slice(chosen % len(self), chosen % len(self) + 1)
        elif not isinstance(chosen, slice):
            chosen = torch.as_tensor(chosen)
            chosen = chosen if chosen.dtype == torch.bool else chosen.long()  # an empty list comes as float
        return ImageSet(
            self.images[chosen],
            None if self.labels is None else self.labels[chosen],
            self.class_names,
            None if self.masks is None else self.masks[chosen],
        )

    def __repr__(self) -> str:
        n, _, height, width = self.images.shape
        classes = f"{len(self.class_names)} classes" if self.class_names else "labelled"
        labels = classes if self.labels is not None else "unlabelled"
        return f"ImageSet({n} images, {height} x {width}, {labels}{', masks' if self.masks is not None else ''})"

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        size: int,
        limit: int | None = None,
        workers: int | None = None,
        skip_unreadable: bool = False,
    ) -> "ImageSet":
        """All images below a folder, unlabelled: uint8 (N, 3, size, size), sorted by path.

        size: px; upright, largest centred square, antialiased bicubic. Gray, alpha, CMYK and 16-bit images become RGB.
        limit: take that many, evenly spread over the sorted list, so that every subfolder is heard.
        workers: threads that decode (default: one per core). Large sets are kept in a memory-mapped cache.
        skip_unreadable: leave out what cannot be read or is below 8 px, and list it.

        Raises CourseError for a missing, empty or imageless folder, and for what cannot be read, naming it.
        """
        return cls(torch.from_numpy(image_sources.folder(path, size, limit, workers, skip_unreadable)))

    @classmethod
    def from_class_folders(
        cls, path: str | Path, size: int, limit: int | None = None, skip_unreadable: bool = False
    ) -> "ImageSet":
        """Labelled images: every subfolder is a class, named after it, in alphabetical order.

        size, skip_unreadable: as in `from_folder`. limit: images of each class at most.
        Raises CourseError for a missing folder, for fewer than two subfolders, and as `from_folder` does.
        """
        classes = image_sources.class_folders(path)
        parts = [cls.from_folder(each, size, limit, skip_unreadable=skip_unreadable).images for each in classes]
        labels = torch.cat([torch.full((len(part),), label) for label, part in enumerate(parts)])
        return cls(torch.cat(parts), labels, tuple(each.name for each in classes))

    @classmethod
    def road_scenes(cls, n: int, size: int = 96, seed: int = 0) -> "ImageSet":
        """n drawn road scenes of size x size px, unlabelled, with masks; class_names are those of the masks.

        Seeds of their own: no scene of the road_objects dataset is among them. From 200 images on they are drawn once
        and kept.
        """

        def draw() -> ImageSet:
            images, masks = draw_images(n, size, seed)
            return cls(image_store.as_tensor(images), None, CLASS_NAMES, torch.from_numpy(masks))

        return _drawn_once(f"road-scenes-{n}-{size}-{seed}", n, size, draw)

    @classmethod
    def road_crops(cls, n: int, size: int = 64, seed: int = 0, context: float = 0.1) -> "ImageSet":
        """n single road objects of size x size px, cut from drawn scenes; labels are subtypes ("sedan", ...).

        context: margin around the object as a share of its longer side. Subtypes are balanced as far as the scenes
        bring them. Two seeds share no scene: one for training, another for testing.
        """

        def draw() -> ImageSet:
            images, labels = draw_crops(n, size, seed, context)
            return cls(image_store.as_tensor(images), torch.from_numpy(labels), SUBTYPES)

        return _drawn_once(f"road-crops-{n}-{size}-{seed}-{context:g}", n, size, draw)

    @classmethod
    def cifar10(cls, split: str = "train", size: int | None = None, limit: int | None = None) -> "ImageSet":
        """CIFAR-10 (Krizhevsky 2009), "train" or "test", 32 px or resized to `size`; downloaded once (170 MB).

        limit: that many, evenly spread. Raises CourseError if it is not there and cannot be fetched.
        """
        return cls(*image_sources.cifar10(split, size, limit))

    @classmethod
    def stl10(cls, split: str = "unlabeled", size: int | None = None, limit: int | None = None) -> "ImageSet":
        """STL-10 (Coates et al. 2011), "unlabeled", "train" or "test", 96 px or resized; downloaded once (2.6 GB).

        limit: that many, evenly spread. Raises CourseError if it is not there and cannot be fetched.
        """
        return cls(*image_sources.stl10(split, size, limit))

    def save(self, path: str | Path) -> Path:
        """Write the set to one .safetensors file, atomically. Returns its path, with the extension."""
        path = Path(path).expanduser()
        path = path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
        tensors = {"images": self.images, "labels": self.labels, "masks": self.masks}
        held = {name: tensor for name, tensor in tensors.items() if tensor is not None}
        return write_safetensors(path, held, image_set={"class_names": self.class_names})

    @classmethod
    def load(cls, path: str | Path) -> "ImageSet":
        """Read what `save` wrote. Raises CourseError for a missing, damaged or foreign file."""
        tensors, told = read_safetensors(Path(path).expanduser(), "image_set")
        try:
            names = told["class_names"]
            if names is not None and not all(isinstance(name, str) for name in names):
                raise ValueError("its class names are not names")
            return cls(class_names=names, **tensors)
        except (TypeError, ValueError, LookupError) as error:
            raise CourseError(f"{path} is not a set of images that ImageSet.save wrote: {error}.") from error


def _drawn_once(name: str, n: int, size: int, draw: Callable[[], ImageSet]) -> ImageSet:
    """What `draw` returns; if it is much, it is kept in the course's folder and found there the next time."""
    if n < 1 or size < 8:
        raise ValueError(f"n must be at least 1 and size at least 8 px, not {n} and {size}")
    if n < KEPT_FROM:
        return draw()
    place = home() / "cache" / f"{name}-{drawing_version()}.safetensors"
    try:
        return ImageSet.load(place)
    except CourseError:  # not there yet, or damaged
        drawn = draw()
    drawn.save(place)
    return drawn
