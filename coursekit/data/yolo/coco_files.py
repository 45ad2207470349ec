"""COCO's own annotation files: read and judged, and fetched if there are none.

Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014. Annotations: CC BY 4.0; the photographs are under
their Flickr licences.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from coursekit.data.archives import fetched
from coursekit.data.downloads import Remote, download_many, or_else
from coursekit.files import brief
from coursekit.runtime import CourseError, home, offline

CLASS_OF_CATEGORY = {1: 0, 2: 1, 3: 2, 6: 3}  # COCO's person, bicycle, car, bus
CATEGORY_NAMES = {1: "person", 2: "bicycle", 3: "car", 6: "bus"}
OFFICIAL = "http://images.cocodataset.org"
ANNOTATIONS = "annotations/annotations_trainval2017.zip"
MEMBER = "annotations/instances_val2017.json"
ZIP_SIZE = 252_907_541  # bytes; COCO publishes no checksum, these are the ones that its users agree on
ZIP_SHA256 = "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268"

WITHOUT_NETWORK = (
    "Without a network: name COCO files that you have with --annotations and --images, or draw a dataset with "
    "`coursekit data road-objects`."
)
LARGEST = 1e9  # px: no photograph is as long


@dataclass
class Photograph:
    """One image entry of an annotation file, with the boxes of the four classes: (class, (x, y, w, h) in px)."""

    id: int
    name: str
    width: float
    height: float
    url: str | None
    listed_in: Path
    boxes: list[tuple[int, tuple[float, float, float, float]]] = field(default_factory=list)


def read_annotations(files: list[Path]) -> tuple[dict[int, Photograph], Counter]:
    """All photographs of COCO annotation files by id, and what was left out: {"crowd boxes": n, ...}.

    Raises CourseError naming file and entry for anything that is not COCO's format, and for an id that is there twice.
    """
    photographs, left_out = {}, Counter()
    for file in files:
        data = _load(file)
        here = {}
        for i, entry in enumerate(data["images"]):
            photograph = _photograph(file, i, entry)
            other = here.get(photograph.id) or photographs.get(photograph.id)
            if other is not None:
                twice = f"The image id {photograph.id} is there twice: in {other.listed_in} and in {file}"
                raise CourseError(f"{twice}. Name each annotation file once; ids must differ between files.")
            here[photograph.id] = photograph
        for i, entry in enumerate(data["annotations"]):
            if (box := _box(file, i, entry)) is None:
                continue
            if entry.get("iscrowd"):
                left_out["crowd boxes"] += 1
            elif entry["image_id"] not in here:
                left_out["boxes of photographs that the file does not list"] += 1
            else:
                here[entry["image_id"]].boxes.append(box)
        photographs |= here
    return photographs, left_out


def _load(file: Path) -> dict:
    """The content of an annotation file, with lists under "images" and "annotations" and COCO's categories."""
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CourseError(f"Cannot read the annotation file {file}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise CourseError(f"{file}{line}: not valid JSON ({error}). Is the file whole? Fetch it again.") from error
    if isinstance(data, dict):
        data.setdefault("categories", [])
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            what = f"it has no list {key!r}. The course needs instances_*.json, not captions or keypoints"
            raise CourseError(f"{file} is not a COCO annotation file: {what}.")
    for i, category in enumerate(map(_as_dict, data["categories"])):
        number, name = category.get("id"), category.get("name")
        _judge(file, f"categories[{i}]", "id", number, isinstance(number, int))
        if CATEGORY_NAMES.get(number, name) != name:
            told = f"category {number} is {brief(name)}, in COCO's numbering it is {CATEGORY_NAMES[number]!r}"
            raise CourseError(f"{file}: {told}. Only COCO's own category numbers can be read.")
    return data


def _as_dict(entry) -> dict:
    return entry if isinstance(entry, dict) else {}


def _judge(file: Path, where: str, key: str, value, good: bool) -> None:
    if not good:
        what = f"{where} has the {key} {brief(value)}"
        raise CourseError(f"{file}: {what}, which cannot be. The file is damaged or not in COCO's format.")


def _is_length(value) -> bool:
    """True for a number that can be a length in px; NaN cannot."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST < value < LARGEST


def _photograph(file: Path, i: int, entry) -> Photograph:
    """One entry of "images", judged."""
    number, name, width, height, url = map(_as_dict(entry).get, ("id", "file_name", "width", "height", "coco_url"))
    path = PurePosixPath(name.replace("\\", "/") if isinstance(name, str) else "")
    for key, value, good in (
        ("id", number, isinstance(number, int) and not isinstance(number, bool)),
        ("file_name", name, path.name and "\0" not in name and not path.is_absolute() and ".." not in path.parts),
        ("width", width, _is_length(width) and width > 0),
        ("height", height, _is_length(height) and height > 0),
    ):
        _judge(file, f"images[{i}]", key, value, good)
    return Photograph(number, name, width, height, url if isinstance(url, str) else None, file)


def _box(file: Path, i: int, entry) -> tuple[int, tuple[float, ...]] | None:
    """(class, (x, y, w, h)) of one entry of "annotations", judged; None for the other categories."""
    image, category, box = map(_as_dict(entry).get, ("image_id", "category_id", "bbox"))
    for key, value in (("image_id", image), ("category_id", category)):
        _judge(file, f"annotations[{i}]", key, value, isinstance(value, (int, float)))
    if category not in CLASS_OF_CATEGORY:
        return None
    _judge(
        file, f"annotations[{i}]", "bbox", box, isinstance(box, list) and len(box) == 4 and all(map(_is_length, box))
    )
    return CLASS_OF_CATEGORY[category], tuple(box)


def base_url() -> str:
    """Where COCO is fetched from: COURSEKIT_COCO_URL (a mirror) or COCO's own server."""
    return os.environ.get("COURSEKIT_COCO_URL", "").strip().rstrip("/") or OFFICIAL


def fetch_annotations() -> Path:
    """COCO 2017's annotations of the val photographs (253 MB zipped), fetched once. Returns instances_val2017.json."""
    known = {"size": ZIP_SIZE, "sha256": ZIP_SHA256} if base_url() == OFFICIAL else {}
    unpacked = home() / "downloads" / "coco" / "annotations_trainval2017"
    with or_else(WITHOUT_NETWORK):
        return fetched("COCO's annotations", f"{base_url()}/{ANNOTATIONS}", unpacked, [MEMBER], **known) / MEMBER


def fetch_photographs(chosen: list[Photograph]) -> dict[int, Path]:
    """The chosen photographs, fetched side by side, each once: {id: file}. CourseError if some cannot be had."""
    folder = home() / "downloads" / "coco" / "photographs"
    files = {}
    for photograph in chosen:
        if not photograph.url:
            raise CourseError(
                f"{photograph.name} in {photograph.listed_in} has no coco_url to fetch it from. Name "
                "the folder that holds the photographs with --images."
            )
        url = photograph.url.replace(OFFICIAL, base_url(), 1)
        files[photograph.id] = Remote(url, folder / f"{photograph.id:012d}{PurePosixPath(photograph.name).suffix}")
    missing = sum(not remote.to.exists() for remote in files.values())
    if missing and not offline():
        print(f"Fetching {missing} photographs from {base_url()} (about {missing * 0.16:.0f} MB).", flush=True)
    with or_else(WITHOUT_NETWORK):
        download_many(list(files.values()), f"fetching {len(files)} photographs")
    print(f"Photographs: {missing} fetched, {len(files) - missing} already there.", flush=True)
    return {number: remote.to for number, remote in files.items()}
