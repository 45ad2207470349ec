"""road_objects: the course's detection dataset - persons, bicycles, cars and buses - in the format that YOLO trains on.

Drawn from a seed (`build`), or made of COCO's photographs (`from_coco`); `get` picks for a lesson, `read` and `check`
work on any YOLO dataset.
"""

from functools import partial
from pathlib import Path

import cv2

from coursekit.data.drawn import scene_seed
from coursekit.data.parallel import map_processes, progress_bar
from coursekit.data.yolo import folder as layout
from coursekit.data.yolo.check import Problem, check
from coursekit.data.yolo.coco import from_coco
from coursekit.data.yolo.read import Example, read
from coursekit.runtime import CourseError, home, mode, offline
from coursekit.scenes.road_scenes import CLASS_NAMES, draw_scene

__all__ = ["CLASS_NAMES", "Example", "Problem", "build", "check", "from_coco", "get", "read"]

JPEG_QUALITY = 92


def build(
    out: str | Path | None = None,
    train: int = 1000,
    val: int = 200,
    test: int = 200,
    size: int = 320,
    seed: int = 0,
    quiet: bool = False,
) -> Path:
    """Draw the dataset from a seed. Returns its YAML.

    out: a new or empty folder; default: datasets/road_objects in the course's folder (/content on Colab).
    train, val, test: number of scenes. The splits share none, and neither do two seeds.
    size: side of a scene, px.
    seed: decides what is drawn.
    quiet: do not print what was built, and where.

    The same request again does nothing. Raises CourseError if `out` holds anything else, and for sizes that make no
    dataset; nothing is left half-built.
    """
    counts = {"train": train, "val": val, "test": test}
    if min(train, val) < 1 or test < 0:
        least = "at least one scene to train on and one to validate on"
        raise CourseError(f"A dataset needs {least}, not {train} and {val} (and {test} to test on).")
    if size < 64 or seed < 0:
        raise CourseError(f"Scenes need at least 64 px and a seed of at least 0, not {size} px and seed {seed}.")
    out = layout.place(out, "road_objects")
    request = {"source": "drawn scenes", **counts, "size": size, "seed": seed}
    if (yaml := layout.found(out, request)) is not None:
        if not quiet:
            print(f"Already there: {yaml}")
        return yaml
    with layout.building(out, request) as (part, facts):
        total = sum(counts.values())
        facts["counts"] = layout.empty_counts()
        jobs = [(split, i) for split in layout.SPLITS for i in range(counts[split])]
        with progress_bar(f"drawing {total} road scenes", total) as bar:
            draw = partial(_write_scene, folder=part, size=size, seed=seed)
            for (split, _), classes in zip(jobs, map_processes(draw, jobs), strict=True):
                layout.count(facts["counts"], split, classes)
                bar.update()
    if not quiet:
        print(f"Drew {total} road scenes of {size} px (seed {seed}) into {out}\n{layout.summary(facts['counts'])}")
    return out / "road_objects.yaml"


def _write_scene(job: tuple[str, int], folder: Path, size: int, seed: int) -> list[int]:
    split, index = job
    scene = draw_scene(scene_seed(split, seed, index), size)
    image = folder / "images" / split / f"{index:06d}.jpg"
    if not cv2.imwrite(str(image), scene.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise OSError(None, f"cannot write {image.name}")
    layout.write_labels(folder / "labels" / split / f"{index:06d}.txt", scene.classes, scene.boxes, size, size)
    return [int(label) for label in scene.classes]


def get(train: int = 1000, val: int = 200, test: int = 200, size: int = 320, seed: int = 0) -> Path:
    """A lesson's dataset: COCO's photographs in full budget if they can be had, else drawn scenes; it prints which.

    train, val, test: number of scenes; of photographs, only their sum counts: the split is by hash, about 70 : 15 : 15.
    size: of a scene, in px.
    seed: another seed, other scenes.

    Built once into the course's folder, found there afterwards. Returns the YAML.
    """
    folder, reason = home() / "datasets", "quick budget"
    if mode() == "full":
        limit = train + val + test
        try:
            yaml = from_coco(out=folder / f"road_photographs_{limit}", limit=limit)
            print("Dataset: photographs of COCO 2017.")
            return yaml
        except CourseError as error:
            reason = "offline" if offline() else "the photographs cannot be had: " + str(error).split("\n")[0]
    out, own = folder / "road_objects", folder / f"road_objects_{train}_{val}_{test}_{size}px_seed{seed}"
    request = {"source": "drawn scenes", "train": train, "val": val, "test": test, "size": size, "seed": seed}
    if (out / layout.RECORD_NAME).exists():
        try:
            layout.found(out, request)
        except CourseError:  # another dataset lives there: this one gets a folder of its own
            out = own
    try:
        yaml = build(out, train, val, test, size, seed)
    except CourseError:
        if out == own or not (out / layout.RECORD_NAME).exists():
            raise
        yaml = build(own, train, val, test, size, seed)  # another lesson was quicker to build its own there
    print(f"Dataset: drawn road scenes ({reason}).")
    return yaml
