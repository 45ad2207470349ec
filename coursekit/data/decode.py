"""From a picture file to uint8 RGB: one reader for everything that cameras, phones and the web produce.

The one resize rule of the course: turn the picture upright (EXIF), cut the largest square from its centre, scale that
square to `size` x `size` with an antialiased bicubic filter.
"""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from coursekit.files import listed
from coursekit.runtime import CourseError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")  # as Pillow names them
SMALLEST = 8  # px: a picture with a shorter side below this shows nothing that could be learned
ORIENTATION = 0x0112
_TURNS = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_270 TRANSVERSE ROTATE_90".split()
UPRIGHT = {2 + i: Image.Transpose[name] for i, name in enumerate(_TURNS)}  # {EXIF orientation: what turns it upright}
SWAPPED = (5, 6, 7, 8)  # orientations that exchange width and height

# a photograph of 90 megapixels and more is unusual, not suspicious: from twice that on it is an error
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def find_images(folder: str | Path, skip_unreadable: bool = False) -> list[Path]:
    """All picture files below `folder`, sorted by path; hidden files and folders are left out, links to folders too.

    Raises CourseError if the folder is missing, is a file, is empty, holds no picture or cannot be read, and for
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
        files = [name for name in files if not name.startswith(".")]
        pictures = [Path(here, name) for name in files if name.lower().endswith(EXTENSIONS)]
        found += pictures
        others += len(files) - len(pictures)
    if any(error.filename == str(folder) for error in closed):
        raise CourseError(f"The folder {folder} cannot be read: {closed[0].strerror}. Ask for the right to read it.")
    if closed:
        what = listed([f"{error.filename}: {error.strerror}" for error in closed], 10)
        if not skip_unreadable:
            way_out = "Ask for the right to read them, or name a folder without them."
            raise CourseError(f"{len(closed)} folders below {folder} cannot be read:{what}\n{way_out}")
        print(f"Left out {len(closed)} folders:{what}", flush=True)
    if not found and links:
        followed = f"Links are not followed: name {os.path.realpath(links[0])} instead."
        raise CourseError(f"The folder {folder} holds no image itself, but a link to a folder, {links[0]}. {followed}")
    if not found:
        held = f"holds {others} files, none of them an image" if others else "is empty"
        raise CourseError(f"The folder {folder} {held}. Images end in {', '.join(EXTENSIONS)}.")
    return sorted(found)


def open_image(source) -> Image.Image:
    """Pillow's own Image.open for the formats that are named here, whatever the file is called.

    Pillow knows more, EPS among them, which hands the file to Ghostscript. Ultralytics puts a function of its own in the
    place of Image.open, which tries to install a package whenever a file is not an image: it is passed by.
    """
    Image.init()
    own = getattr(sys.modules.get("ultralytics.utils.patches"), "_image_open", Image.open)
    return own(source, formats=[name for name in FORMATS if name in Image.OPEN])


def unreadable(error: Exception) -> str:
    """What to say of a picture after "cannot be read: ", by what Pillow raised for it."""
    if isinstance(error, UnidentifiedImageError):
        return f"it is not an image ({', '.join(FORMATS)}), whatever its name says"
    if isinstance(error, Image.DecompressionBombError):  # only its message tells pixels and limit
        numbers = [f"{int(number) / 1e6:.0f}" for number in re.findall(r"(\d+) pixels", str(error))]
        size = f"{numbers[0]} megapixels, more than the limit of {numbers[1]}" if len(numbers) == 2 else f"{error}"
        return f"it has {size}: shrink it"
    return getattr(error, "strerror", None) or f"{error}. The file is damaged or cut off: fetch it again"


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) if there is none or the EXIF block is damaged."""
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
    """One picture file, upright: uint8 (H, W, 3). Raises CourseError naming the file if it cannot be read."""
    with opened(path) as image:
        return _upright(decoded(image), orientation(image))


def read_square(path: str | Path, size: int) -> np.ndarray:
    """One picture file by the one resize rule: uint8 (size, size, 3).

    Raises CourseError naming the file if it cannot be read or its shorter side is below 8 px.
    """
    with opened(path) as image:
        turn = orientation(image)
        if min(image.size) < SMALLEST:
            least = f"too small to learn from, the shorter side needs at least {SMALLEST} px"
            raise CourseError(f"{path} is only {image.width} x {image.height} px: {least}.")
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            # decodes at 1/2, 1/4, 1/8: several times faster for large photographs
            image.draft(None, (2 * size, 2 * size))
        rgb = decoded(image)
    side = min(rgb.size)
    left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
    box = (left, top, left + side, top + side)
    square = rgb.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return _upright(square, turn)


def _upright(image: Image.Image, turn: int) -> np.ndarray:
    return np.array(image.transpose(UPRIGHT[turn]) if turn in UPRIGHT else image)


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """The opened picture, with every error in it as a CourseError that names the file."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a named pipe would be waited for without end
            raise CourseError(f"{path} is not a regular file.")
        if os.path.getsize(path) == 0:
            raise CourseError(f"{path} is empty (0 bytes). Fetch it again or delete it.")
        with open_image(path) as image:
            yield image
    except CourseError:
        raise
    except Exception as error:  # damaged files raise anything; whatever it is, this file is the cause
        raise CourseError(f"Cannot read {path}: {unreadable(error)}.") from error


def decoded(image: Image.Image) -> Image.Image:
    """An opened picture as 8-bit RGB, read to its last row; raises what Pillow raises."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # another library may have switched it on: half a picture would pass
    image.load()
    return to_rgb(image)
