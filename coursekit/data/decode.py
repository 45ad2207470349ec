"""From a picture file to uint8 RGB: one reader for everything that cameras, phones and the web produce.

The one resize rule of the course: turn the picture upright (EXIF), cut the largest square from its centre, scale that
square to `size` x `size` with an antialiased bicubic filter.
"""

import os
import re
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from coursekit.data.disk import shown
from coursekit.runtime import CourseError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
SMALLEST = 8  # px: a picture with a shorter side below this shows nothing that could be learned
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SWAPPED = (5, 6, 7, 8)  # orientations that exchange width and height


# a photograph of 90 megapixels and more is unusual, not suspicious: from twice that on `too_large` says what to do
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def find_images(folder: str | Path, skip_unreadable: bool = False) -> list[Path]:
    """All picture files below `folder`, sorted by path; hidden files and folders are left out, links to folders too.

    Raises CourseError where the folder is missing, is a file, is empty, holds no picture or cannot be read, and for
    folders in it that cannot be read; with skip_unreadable these are left out, and listed.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise CourseError(f"{folder} {what}. Name the folder that holds the images.")
    found, links, others, closed = [], [], 0, []
    for here, folders, files in os.walk(folder, onerror=closed.append):
        # lost+found is the file system's own, and root's alone
        folders[:] = [name for name in folders if not name.startswith(".") and name != "lost+found"]
        links += [Path(here, name) for name in folders if Path(here, name).is_symlink()]
        for name in files:
            if name.startswith("."):
                continue
            if name.lower().endswith(EXTENSIONS):
                found.append(Path(here, name))
            else:
                others += 1
    if closed:
        _report_closed(folder, closed, skip_unreadable)
    if not found and links:
        raise CourseError(
            f"The folder {folder} holds no image itself, but a link to a folder, {links[0]}. Links are "
            f"not followed: name {os.path.realpath(links[0])} instead."
        )
    if not found:
        held = f"holds {others} files, none of them an image" if others else "is empty"
        raise CourseError(f"The folder {folder} {held}. Images end in {', '.join(EXTENSIONS)}.")
    return sorted(found)


def _report_closed(folder: Path, errors: list[OSError], skip: bool) -> None:
    """Say which folders are left out because they cannot be read, or stop because of them."""
    if any(error.filename == str(folder) for error in errors):
        raise CourseError(
            f"The folder {folder} cannot be read: {errors[0].strerror}. Ask for the right to read it, or "
            "name another folder."
        )
    first = shown("".join(f"\n  {error.filename}: {error.strerror}" for error in errors[:10]))
    more = f"\n  ... and {len(errors) - 10} more" if len(errors) > 10 else ""
    if not skip:
        raise CourseError(
            f"{len(errors)} folders below {folder} cannot be read:{first}{more}\nAsk for the right to "
            "read them, or name a folder without them."
        )
    print(f"Left out {len(errors)} folders:{first}{more}", flush=True)


def open_image(source) -> Image.Image:
    """Pillow's own Image.open, also after Ultralytics has put another in its place: that one tries to install a package
    whenever a file is not an image."""
    return getattr(sys.modules.get("ultralytics.utils.patches"), "_image_open", Image.open)(source)


def too_large(error: Image.DecompressionBombError) -> str:
    """What to say of a picture that Pillow takes for an attack; only its message tells pixels and limit."""
    numbers = [f"{int(number) / 1e6:.0f}" for number in re.findall(r"(\d+) pixels", str(error))]
    if len(numbers) != 2:
        return f"has too many pixels ({error}): shrink it"
    return f"has {numbers[0]} megapixels, more than the limit of {numbers[1]}: shrink it"


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where there is none or the EXIF block is damaged."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a damaged EXIF block raises anything from KeyError to SyntaxError; the pixels are still good
        return 1
    return value if value in UPRIGHT else 1


def to_rgb(image: Image.Image) -> Image.Image:
    """An 8-bit RGB picture from any mode: gray, palette, alpha (over white), CMYK, 16-bit (divided by 257), float."""
    mode = image.mode
    if mode == "RGB":
        return image
    if mode.startswith("I") or mode == "F":  # Pillow's own conversion cuts these off at 255
        values = np.asarray(image, dtype=np.float64)
        if mode == "F" and values.size and np.nanmax(values) <= 1.0:
            values = values * 255.0  # a float picture in [0, 1]
        elif mode.startswith("I;16") or (mode == "I" and values.max() > 255):
            values = values / 257.0  # 65535 -> 255
        return Image.fromarray(np.nan_to_num(values).clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or (mode in ("P", "L", "RGB") and "transparency" in image.info):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def read_rgb(path: str | Path) -> np.ndarray:
    """One picture file, upright: uint8 (H, W, 3). Raises CourseError naming the file where it cannot be read."""
    with _opened(path) as image:
        turn = orientation(image)
        rgb = _decoded(path, image)
    return np.array(rgb.transpose(UPRIGHT[turn]) if turn in UPRIGHT else rgb)


def read_square(path: str | Path, size: int) -> np.ndarray:
    """One picture file by the one resize rule: uint8 (size, size, 3).

    Raises CourseError naming the file where it cannot be read or its shorter side is below 8 px.
    """
    with _opened(path) as image:
        turn = orientation(image)
        if min(image.size) < SMALLEST:
            raise CourseError(
                f"{path} is only {image.width} x {image.height} px: too small to learn from, "
                f"the shorter side needs at least {SMALLEST} px."
            )
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            # decodes at 1/2, 1/4, 1/8: several times faster for large photographs
            image.draft(None, (2 * size, 2 * size))
        rgb = _decoded(path, image)
    side = min(rgb.size)
    left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
    box = (left, top, left + side, top + side)
    square = rgb.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return np.array(square.transpose(UPRIGHT[turn]) if turn in UPRIGHT else square)


def _opened(path: str | Path) -> Image.Image:
    try:
        if os.path.getsize(path) == 0:
            raise CourseError(f"{path} is empty (0 bytes). Fetch it again or delete it.")
        return open_image(path)
    except OSError as error:  # Pillow's UnidentifiedImageError is an OSError
        reason = error.strerror or "it is not an image, whatever its name says"
        raise CourseError(f"Cannot read {path}: {reason}.") from error
    except CourseError:
        raise
    except Image.DecompressionBombError as error:
        raise CourseError(f"{path} {too_large(error)}.") from error
    except Exception as error:  # damaged headers raise anything; whatever it is, this file is the cause
        raise CourseError(f"Cannot read {path}: {error}.") from error


def _decoded(path: str | Path, image: Image.Image) -> Image.Image:
    if ImageFile.LOAD_TRUNCATED_IMAGES:  # another library may have switched it on: half a picture would go unnoticed
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        image.load()
        return to_rgb(image)
    except Image.DecompressionBombError as error:  # a frame can be larger than the file's header says
        raise CourseError(f"{path} {too_large(error)}.") from error
    except Exception as error:
        raise CourseError(f"Cannot read {path}: {error}. The file is damaged or cut off: fetch it again.") from error
