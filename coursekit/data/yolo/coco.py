"""road_objects from COCO's photographs: the same dataset, with real pictures."""

import hashlib
import os
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from coursekit.data.decode import SWAPPED, decoded, opened, orientation
from coursekit.data.parallel import map_threads, progress_bar
from coursekit.data.yolo import folder as layout
from coursekit.data.yolo.coco_files import Photograph, fetch_annotations, fetch_photographs, read_annotations
from coursekit.data.yolo.yaml import IMAGE_FORMATS
from coursekit.files import listed, named, shown
from coursekit.runtime import CourseError

SHARES = (0.7, 0.85, 1.0)  # train, val, test end here on the unit interval that ids are hashed to


def _hash(purpose: str, image_id: int) -> str:
    return hashlib.sha256(f"{purpose} {image_id}".encode()).hexdigest()


def split_of(image_id: int) -> str:
    """The split of a COCO image id, from its SHA-256: about 70 : 15 : 15, the same on every machine."""
    share = int(_hash("road_objects", image_id)[:12], 16) / 16**12
    return next(split for split, end in zip(layout.SPLITS, SHARES, strict=True) if share < end)


def from_coco(
    annotations: list[str | Path] | str | Path = (),
    images: list[str | Path] | str | Path = (),
    out: str | Path | None = None,
    limit: int | None = None,
    keep_empty: bool = False,
) -> Path:
    """Make road_objects of COCO's photographs. Returns its YAML.

    annotations: instances_*.json files; without any, COCO 2017 val's are downloaded.
    images: folders with the photographs; without any, those needed are downloaded, side by side.
    out: a new or empty folder; default: datasets/road_photographs in the course's folder.
    limit: at most that many photographs, a fixed selection of which a larger one only adds to.
    keep_empty: also photographs without any of the four classes.

    COCO's categories 1, 2, 3, 6 become 0 person, 1 bicycle, 2 car, 3 bus. Boxes are cut to the frame; crowd boxes,
    boxes without area and repeated boxes are left out, and counted in what is printed. The split of a photograph
    depends on its id alone. Photographs are hard-linked or copied unchanged, except for those whose EXIF block would turn
    them away from their boxes: these become PNGs of the same pixels.

    Raises CourseError for files that are missing, damaged or not COCO's, for photographs in a format that YOLO does not
    read, and if `out` holds anything else.
    """
    files, folders = _absolute(annotations), _absolute(images)
    if limit is not None and limit < 1:
        raise CourseError(f"--limit must be at least 1, not {limit}.")
    for folder in folders:
        if not folder.is_dir():
            raise CourseError(f"There is no image folder {folder}.")
    out = layout.place(out, "road_photographs")
    request = {
        "source": "COCO",
        "annotations": [str(f) for f in files] or "COCO 2017 val",
        "images": [str(f) for f in folders] or "downloaded",
        "limit": limit,
        "keep_empty": keep_empty,
    }
    if (yaml := layout.found(out, request)) is not None:
        print(f"Already there: {yaml}")
        return yaml
    photographs, left_out = read_annotations(files or [fetch_annotations()])
    boxes = {p.id: _clean(p, left_out) for p in photographs.values()}
    chosen = [p for p in photographs.values() if keep_empty or len(boxes[p.id][0])]
    left_out["photographs without any of the four classes"] = len(photographs) - len(chosen)
    chosen.sort(key=lambda p: _hash("order", p.id))  # another order than the split's: a larger limit only adds
    chosen = sorted(chosen[:limit], key=lambda p: p.id)
    if not chosen:
        where = ", ".join(map(str, files)) or "COCO"
        raise CourseError(f"No photograph in {where} shows a person, bicycle, car or bus. Keep all with --keep-empty.")
    if bad := [p for p in chosen if Path(p.name).suffix[1:].lower() not in IMAGE_FORMATS]:
        raise CourseError(
            f"{bad[0].listed_in}: the file_name of {len(bad)} photographs does not end as YOLO's images do:"
            f"{listed([p.name for p in bad])}\nConvert them to .jpg, there and in the folder."
        )
    places = _look_up(chosen, folders) if folders else fetch_photographs(chosen)
    with layout.building(out, request) as (part, facts):
        counts = layout.empty_counts()
        _place_all(chosen, places, part, fetched=not folders)
        for photograph in chosen:
            split, (classes, corners) = split_of(photograph.id), boxes[photograph.id]
            label = part / "labels" / split / f"{photograph.id:012d}.txt"
            layout.write_labels(label, classes, corners, photograph.width, photograph.height)
            layout.count(counts, split, classes)
        if not counts["train"]["images"] or not counts["val"]["images"]:
            empty = "the split by image id leaves none to train on or none to validate on"
            raise CourseError(f"{len(chosen)} photographs are too few: {empty}. Take more of them.")
        facts |= {"counts": counts, "left_out": left_out}
    print(f"Made {out} of {len(chosen)} photographs\n{layout.summary(counts)}")
    if any(left_out.values()):
        print(f"Left out: {', '.join(f'{n} {what}' for what, n in left_out.items() if n)}.")
    return out / layout.YAML_NAME


def _absolute(names) -> list[Path]:
    return [named(name).absolute() for name in ([names] if isinstance(names, (str, Path)) else names or ())]


def _clean(photograph: Photograph, left_out: Counter) -> tuple[list[int], np.ndarray]:
    """Classes and corners (n, 4) in px, cut to the frame, without those that have no area then or are there twice."""
    kept, size = {}, np.array([photograph.width, photograph.height] * 2)
    for label, (x, y, w, h) in photograph.boxes:
        corners = np.array([x, y, x + w, y + h]).clip(0, size)
        if ((corners[2:] - corners[:2]) / size[:2] < 1e-6).any():
            left_out["boxes without area"] += 1
        elif (key := (label, *np.round(corners / size, 6))) in kept:
            left_out["repeated boxes"] += 1
        else:
            kept[key] = corners
    return [key[0] for key in kept], np.array(list(kept.values())).reshape(-1, 4)


def _look_up(chosen: list[Photograph], folders: list[Path]) -> dict[int, Path]:
    """Where the photographs are: file_name in one of the folders, else the one file of that name below them."""
    places, missing, below = {}, [], defaultdict(set)
    for here, _, names in (step for folder in folders for step in os.walk(folder)):
        for name in names:
            below[name].add(Path(here, name))
    for photograph in chosen:
        there = [folder / photograph.name for folder in folders if os.path.isfile(folder / photograph.name)][:1]
        there = there or sorted(below[Path(photograph.name).name])
        if len(there) > 1:
            found = f"{shown(photograph.name)} is there more than once: {', '.join(map(shown, there))}"
            raise CourseError(f"{found}. Name the folder that is meant with --images.")
        if there:
            places[photograph.id] = there[0]
        else:
            missing.append(photograph.name)
    if missing:
        raise CourseError(
            f"{len(missing)} of {len(chosen)} photographs are missing:{listed(missing)}\nLooked in "
            f"{', '.join(map(str, folders))}. Add their folder with --images; without --images they are downloaded."
        )
    return places


def _place_all(chosen: list[Photograph], places: dict[int, Path], part: Path, fetched: bool) -> None:
    """Link every photograph into the dataset. Raises CourseError that names those that cannot be read."""

    def attempt(photograph: Photograph) -> str | None:
        source = places[photograph.id]
        target = part / "images" / split_of(photograph.id) / f"{photograph.id:012d}{source.suffix.lower()}"
        try:
            _place(photograph, source, target)
        except CourseError as error:
            if fetched:
                source.unlink(missing_ok=True)  # so that the next run fetches it again
            return str(error)
        return None

    with progress_bar(f"checking {len(chosen)} photographs", len(chosen)) as bar:
        problems = []
        for problem in map_threads(attempt, chosen):
            problems += [problem] if problem else []
            bar.update()
    if problems:
        way = "They are deleted; run the same command again to fetch them." if fetched else "Mend or replace them."
        raise CourseError(f"{len(problems)} of {len(chosen)} photographs cannot be used:{listed(problems)}\n{way}")


def _place(photograph: Photograph, source: Path, target: Path) -> None:
    with opened(source) as image:
        stored, turn = image.size, orientation(image)
        decoded(image)  # to the last row: half a photograph is found here, not in training
    turned = stored[::-1] if turn in SWAPPED else stored
    if not any(_same_shape(photograph, size) for size in (stored, turned)):
        wanted = f"its annotation says {photograph.width} x {photograph.height}: it is another picture"
        raise CourseError(f"{source} is {stored[0]} x {stored[1]} px, {wanted}.")
    if turn != 1 and not (turn in SWAPPED and _same_shape(photograph, turned) and not _same_shape(photograph, stored)):
        # COCO's boxes belong to the pixels as they are stored: keep these, and nothing that tells a viewer to turn them
        with opened(source) as image:
            Image.fromarray(np.asarray(decoded(image))).save(target.with_suffix(".png"))
        return
    try:
        os.link(os.path.realpath(source), target)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(source, target)


def _same_shape(photograph: Photograph, size: tuple[int, int]) -> bool:
    """True if width : height agree within 2 %: a smaller copy of a photograph is welcome, a turned one is not."""
    return abs(photograph.width * size[1] / (photograph.height * size[0]) - 1) < 0.02
