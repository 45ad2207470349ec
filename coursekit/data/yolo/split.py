"""A YOLO dataset from your own photographs, which are split into train, val and test by lists, and stay where they are."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from coursekit import arguments as arg
from coursekit.data.yolo import folder as layout
from coursekit.data.yolo.groups import called, counted, grouped, placed
from coursekit.data.yolo.photographs import Photograph, doubtful, few, find, labelled
from coursekit.files import listed, named, shown, write_atomically
from coursekit.runtime import CourseError

SMALLER = "Sort the photographs into more subfolders (one for each walk or video; in labels/, too)"
BY_IMAGE = "With --by-image (by_folder=False in Python) subfolders are divided; of videos, that flatters the results"
WHOLE = "Split by the subfolders of images/: none of them is in two splits."
LOOSE = " Photographs that lie in no subfolder are placed one by one."
SINGLE = """Split photograph by photograph; identical files stay in one split.
Are some of them frames of one video? Then give each video a subfolder of images/ and of labels/."""
DIVIDED = """Split photograph by photograph, across the subfolders of images/; identical files stay in one split.
If a subfolder is one video or one camera, the results on val and test are flattered."""
HELD_OUT = {"val", "valid", "validation", "test"}


@dataclass(frozen=True)
class Split:
    """What `split_dataset` made; `print(split)` shows all of it.

    yaml: the dataset's. how: what was kept together, in words. folders: {split: subfolders of images/ that are in it},
    without any if they were not kept together. counts: {split: {"images": n, "boxes": {class name: n}}}.
    unlabelled: how many photographs have no label file. warnings: one line each. new: False if all was there already.
    """

    yaml: Path
    how: str
    folders: dict[str, list[str]]
    counts: dict[str, dict]
    unlabelled: int
    warnings: tuple[str, ...]
    new: bool

    def __str__(self) -> str:
        lines = [self.how]
        lines += [f"{split:>7}: {few(folders)}" for split, folders in self.folders.items() if folders]
        lines.append(layout.summary(self.counts))
        if n := self.unlabelled:
            who = "1 photograph has no label file: it is" if n == 1 else f"{n} photographs have no label file: they are"
            lines.append(f"{who} in no split, and good for `coursekit pretrain`.")
        lines += [f"Warning: {warning}" for warning in self.warnings]
        beside = " and the lists that it names" if self.new else ""
        lines.append(f"{'Made' if self.new else 'Already there:'} {shown(self.yaml)}{beside}")
        return "\n".join(lines)


def split_dataset(
    folder: str | Path,
    names: Sequence[str],
    val: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    *,
    by_folder: bool = True,
    name: str = "dataset",
) -> Split:
    """Split labelled photographs into train, val and test, and write what YOLO trains on.

    folder: holds images/ (photographs, also in subfolders) and labels/ (for each photograph a .txt of the same name,
        with a line `class x y w h` for each object; an empty file says: nothing to find here).
    names: of the classes, in the order of their numbers.
    val, test: shares of the photographs, in [0, 1); test 0: no test split. The rest is for training.
    seed: another seed, another split; the same seed and files, the same split.
    by_folder: keep every subfolder of images/ whole. False: split it like any other photographs.
    name: of the YAML. Lists of any other than "dataset" begin with it: NAME_train.txt.

    Why whole subfolders: the frames of one video, or the pictures of one camera, look nearly alike. With some of them
    in train and others in test, the test asks what the network remembers, and its result is better than in any new
    place. The same is true of identical files, which always stay together. And an existing split is not replaced,
    because what was tested on would then be trained on.

    Photographs without a label file are in no split. The splits aim at their shares of the photographs and of every
    class's boxes (`groups.placed` says how).

    Written into `folder`: NAME.yaml, train.txt, val.txt, test.txt, with paths relative to them, so that `folder` can be
    moved as a whole. Raises CourseError, with nothing written, for a folder of another kind, for lines of label files
    that cannot be used (all of them are listed), for groups that cannot be split, and if other files have these names.
    """
    shares, names = _shares(val, test), _class_names(names)
    arg.seed.check(seed=seed)
    name = str(name).removesuffix(".yaml")
    arg.name.check(name=name)
    folder = named(folder).absolute()
    images = find(folder)
    photographs = labelled(folder, images, names)
    subfolders = {photograph.folder for photograph in photographs} - {None}
    whole = by_folder and bool(subfolders)
    if whole and "train" in (lower := {subfolder.lower() for subfolder in subfolders}) and lower & HELD_OUT:
        there = f"{shown(folder / 'images')} has the subfolders {few(sorted(subfolders))}: it is split already"
        way_out = "Write a YAML with train: images/train and val: images/val, or mix them anew with --by-image"
        raise CourseError(f"{there}. {way_out} (by_folder=False in Python).")
    groups, joined = grouped(photographs, whole)
    table = np.array([counted(group, len(names)) for group in groups])
    _check_enough(groups, table, shares, folder, joined, whole)
    places = placed(table, np.array(list(shares.values())), seed)
    members = {split: [] for split in shares}
    for group, place in zip(groups, places, strict=True):
        members[list(shares)[place]] += group
    _check_shares(groups, members, shares, folder, joined, whole)
    counts = layout.empty_counts(names, tuple(shares))
    for split, photos in members.items():
        for photo in photos:
            layout.count(counts, split, photo.classes)
    request = f"val {val:g}, test {test:g}, seed {seed}, by {'folder' if whole else 'image'}"
    texts = _texts(name, members, names, request)
    folders = {split: sorted({p.folder for p in photos} - {None}) if whole else [] for split, photos in members.items()}
    warnings = (*joined, *_lacking(counts), *doubtful(folder, images, names))
    new = _write(folder, texts)
    how = WHOLE if whole else DIVIDED if subfolders else SINGLE
    if whole and any(photograph.folder is None for photograph in photographs):
        how += LOOSE
    return Split(folder / f"{name}.yaml", how, folders, counts, len(images) - len(photographs), warnings, new)


def _shares(val: float, test: float) -> dict[str, float]:
    arg.share.check(val=val, test=test)
    train = round(1 - val - test, 9)
    if val == 0 or train <= 0:
        raise CourseError(f"val {val:g} and test {test:g} leave {train:g} for train: val and train must be above 0.")
    return {split: share for split, share in (("train", train), ("val", val), ("test", test)) if share}


def _class_names(names: Sequence[str]) -> list[str]:
    given = [names] if isinstance(names, str) else [str(name) for name in names]
    stripped = [name.strip() for name in given]
    twice = [name for name, n in Counter(stripped).items() if n > 1]
    if not stripped or not all(stripped):
        raise CourseError(f"A class name is empty in {given}: give every class a name, such as --names person car.")
    if odd := [name for name in stripped if shown(name) != name]:
        raise CourseError(f"The class name {shown(odd[0])} is not one line of valid UTF-8: give it another name.")
    if twice:
        raise CourseError(f"The class name {twice[0]!r} is given twice: every class needs a name of its own.")
    if comma := [name for name in stripped if "," in name]:
        raise CourseError(f"A comma in the class name {comma[0]!r}: separate names by spaces: --names person car.")
    return stripped


def _check_enough(groups: list, table: np.ndarray, shares: dict, folder: Path, joined: list[str], whole: bool) -> None:
    """Raise CourseError if there are fewer groups with a box than splits."""
    boxed = [group for group, row in zip(groups, table, strict=True) if row[1:].any()]
    if len(boxed) >= len(shares):
        return
    wanted = f"{', '.join(shares)} need {len(shares)}"
    if whole:
        there = f"there {'is' if len(boxed) == 1 else 'are'} {len(boxed)}: {'; '.join(map(called, boxed)) or 'none'}"
        what = f"{wanted} subfolders of {shown(folder / 'images')} with a box in them, and {there}"
        raise CourseError(f"{what}. {SMALLER}. {BY_IMAGE}.{listed(joined)}")
    more = "Label more, or take --test 0 to do without a test split"
    raise CourseError(f"{wanted} different photographs with a box, and {shown(folder)} has {len(boxed)}. {more}.")


def _check_shares(groups: list, members: dict, shares: dict, folder: Path, joined: list[str], whole: bool) -> None:
    """Raise CourseError if a split gets less than half its share because one group holds too much."""
    total, most = sum(map(len, groups)), max(groups, key=len)
    if len(most) == 1 or all(len(members[split]) >= total * share / 2 for split, share in shares.items()):
        return
    wanted = " : ".join(f"{100 * share:g}" for share in shares.values())
    got = ", ".join(f"{split} {len(photos)}" for split, photos in members.items())
    what = f"{shown(folder / 'images')} cannot be split {wanted}: of its {total} labelled photographs, those in "
    what += f"{called(most)} stay together, and the best that is left is {got}"
    way_out = f"{SMALLER if whole else 'Remove the copies'}, or ask for other shares (--val, --test)."
    raise CourseError(f"{what}. {way_out}{f' {BY_IMAGE}.' if whole else ''}{listed(joined)}")


def _lacking(counts: dict[str, dict]) -> list[str]:
    """A line for each class that a split has no box of."""
    boxes = {split: made["boxes"] for split, made in counts.items()}
    lines = []
    for name in boxes["train"]:
        lacking = [split for split in boxes if not boxes[split][name]]
        if len(lacking) == len(boxes):
            lines.append(f"no photograph has a box of class {name!r}.")
        elif lacking:
            n = sum(made[name] for made in boxes.values())
            lines.append(f"no {name!r} in {' and '.join(lacking)} ({n} in all): label more, or try another --seed.")
    return lines


def _texts(name: str, members: dict[str, list[Photograph]], names: list[str], how: str) -> dict[str, str]:
    """{file name: its content}, the YAML last: without it there is no dataset."""
    prefix = "" if name == "dataset" else f"{name}_"
    texts = {}
    for split, photos in members.items():
        lines = sorted(f"./images/{photo.name}\n" for photo in photos)
        texts[f"{prefix}{split}.txt"] = "".join(lines)
    # no `path`: it is then the folder of the YAML, for Ultralytics too, wherever that is moved
    content = dict(zip(members, texts, strict=True)) | {"names": dict(enumerate(names))}
    made = f"# Made by coursekit data split: {how}. Paths are relative to this file.\n"
    texts[f"{name}.yaml"] = made + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return texts


def _write(folder: Path, texts: dict[str, str]) -> bool:
    """Write what is not there yet; whether anything was. Raises CourseError if a file is there with other content."""
    contents = {folder / name: text.encode("utf-8") for name, text in texts.items()}
    there = [file for file in contents if os.path.lexists(file)]
    other = [file.name for file in there if not file.is_file() or file.read_bytes() != contents[file]]
    if other:
        what = f"{shown(folder)} holds {', '.join(other)} with other content: another split, or other files"
        mixed = "what was tested on may then be trained on"
        way_out = f"Nothing was written: choose --name OTHER, or delete {', '.join(f.name for f in there)} ({mixed})"
        raise CourseError(f"{what}. {way_out}.")
    for file in contents:
        if file not in there:
            write_atomically(file, lambda out, content=contents[file]: out.write(content))
    return len(there) < len(contents)
