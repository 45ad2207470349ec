"""ImageSet: images as one uint8 tensor, decoded once, so that no epoch pays for JPEG again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coursekit.data import image_store
from coursekit.data.decode import find_images, read_square
from coursekit.data.parallel import map_threads, progress_bar
from coursekit.runtime import CourseError


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, with or without labels.

    images: uint8 (N, 3, H, W), RGB. May be memory-mapped: index it, do not write to it.
    labels: int64 (N,), index into class_names; None where nothing is labelled.
    class_names: names of the labels, and of the values of `masks` minus one.
    masks: uint8 (N, H, W), 0 for background, 1 + class elsewhere; None where there are none.

    `len(images)` is N; slices, index tensors and boolean masks give an ImageSet of the chosen images (of a slice: a
    view). Raises ValueError where shapes or types do not fit together.
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
            if self.labels is not None and n and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(
                    self.class_names):
                raise ValueError(f"labels go from {int(self.labels.min())} to {int(self.labels.max())}, "
                                 f"but there are {len(self.class_names)} class names")

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
        return ImageSet(self.images[chosen], None if self.labels is None else self.labels[chosen], self.class_names,
                        None if self.masks is None else self.masks[chosen])

    def __repr__(self) -> str:
        n, _, height, width = self.images.shape
        labels = "unlabelled" if self.labels is None else (
            f"{len(self.class_names)} classes" if self.class_names else "labelled")
        return f"ImageSet({n} images, {height} x {width}, {labels}{', masks' if self.masks is not None else ''})"

    @classmethod
    def from_folder(cls, path: str | Path, size: int, limit: int | None = None, workers: int | None = None,
                    skip_unreadable: bool = False) -> "ImageSet":
        """All images below a folder, unlabelled: uint8 (N, 3, size, size).

        Resize rule: upright, largest centred square, antialiased bicubic to `size` (px). Gray, palette, alpha, CMYK
        and 16-bit images become RGB. Sorted by path; `limit` takes that many, evenly spread over the sorted list, so
        that every subfolder is heard. Large sets are decoded once into a memory-mapped cache.

        Raises CourseError for a missing, empty or imageless folder, and for images that cannot be read or are below 8
        px, naming them; with skip_unreadable they are left out, and listed.
        """
        if size < 1 or (limit is not None and limit < 1):
            raise ValueError(f"size and limit must be at least 1, not {size} and {limit}")
        files = find_images(path)
        if limit is not None and limit < len(files):
            files = [files[i] for i in np.linspace(0, len(files) - 1, limit).round().astype(int)]
        key = image_store.folder_key(Path(path).expanduser(), files, size)
        cached = image_store.cached(key)
        if cached is not None:
            return cls(torch.from_numpy(cached))
        pixels = image_store.new(key, len(files), size)
        good, problems = [], []
        with progress_bar(f"reading {len(files)} images", len(files)) as bar:
            for i, (image, problem) in enumerate(map_threads(lambda file: _attempt(file, size), files, workers)):
                bar.update()
                if problem is not None:
                    problems.append(problem)
                    continue
                pixels[len(good)] = image.transpose(2, 0, 1)
                good.append(i)
        if problems:
            _report(problems, len(files), skip_unreadable)
        return cls(torch.from_numpy(image_store.finish(key, pixels, len(good), keep=not problems)))

    def save(self, path: str | Path) -> Path:
        """Write the set to one .safetensors file, atomically. Returns its path."""
        tensors = {"images": self.images, "labels": self.labels, "masks": self.masks}
        return image_store.save(path, {k: v for k, v in tensors.items() if v is not None}, self.class_names)

    @classmethod
    def load(cls, path: str | Path) -> "ImageSet":
        """Read what `save` wrote. Raises CourseError for a missing, damaged or foreign file."""
        tensors, class_names = image_store.load(path)
        try:
            return cls(class_names=class_names, **tensors)
        except (TypeError, ValueError) as error:
            raise CourseError(f"{path} is not a set of images of this course: {error}.") from error


def _attempt(file: Path, size: int) -> tuple[np.ndarray | None, str | None]:
    """(image, None), or (None, what is wrong): one bad file must not hide the next one."""
    try:
        return read_square(file, size), None
    except CourseError as error:
        return None, str(error)


def _report(problems: list[str], total: int, skip: bool) -> None:
    """Say which images are left out, or stop because of them."""
    first = "".join(f"\n  {problem}" for problem in problems[:10])
    more = f"\n  ... and {len(problems) - 10} more" if len(problems) > 10 else ""
    if not skip:
        raise CourseError(f"{len(problems)} of {total} images cannot be used:{first}{more}\nMend or delete them, or "
                          "leave them out with --skip-unreadable (skip_unreadable=True in Python).")
    if len(problems) == total:
        raise CourseError(f"None of the {total} images can be used:{first}{more}")
    print(f"Left out {len(problems)} of {total} images:{first}{more}", flush=True)
