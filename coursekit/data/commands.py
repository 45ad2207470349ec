"""`coursekit data road-objects | from-coco | split | check`: what the command line says and does with datasets."""

import argparse
import shlex

from coursekit import arguments as arg
from coursekit.arguments import add


def add_commands(subparsers) -> None:
    """Add `data` and its commands to the verbs of `coursekit`; each sets `run(args) -> exit status`."""
    data = subparsers.add_parser("data", help="make a dataset, split or check one")
    commands = data.add_subparsers(dest="data_command", metavar="COMMAND", required=True)

    draw = commands.add_parser(
        "road-objects",
        help="draw the road_objects dataset from a seed",
        description="Draw road scenes with persons, bicycles, cars and buses, as a YOLO dataset.",
    )
    place = "a new or empty folder (default: datasets/road_objects in the course's folder, /content on Colab)"
    add(draw, "--out DIR", arg.path, place)
    for split, count in (("train", 1000), ("val", 200), ("test", 200)):
        add(draw, f"--{split} N", arg.whole, f"scenes in {split}", count)
    add(draw, "--size PX", arg.image_size, "width and height of a scene", 320)
    add(draw, "--seed N", arg.seed, "another seed, other scenes", 0)
    draw.set_defaults(run=_road_objects)

    coco = commands.add_parser(
        "from-coco",
        help="make road_objects of COCO's photographs",
        description="Make road_objects of COCO's photographs. Without --annotations, COCO 2017 val's are downloaded "
        "(253 MB); without --images, the photographs that are needed.",
    )
    add(coco, "--annotations FILE", arg.path, "an instances_*.json file; may be repeated", action="append")
    add(coco, "--images DIR", arg.path, "a folder with photographs; may be repeated", action="append")
    place = "a new or empty folder (default: datasets/road_photographs in the course's folder)"
    add(coco, "--out DIR", arg.path, place)
    add(coco, "--limit N", arg.count, "at most N photographs; a larger N only adds to them")
    coco.add_argument("--keep-empty", action="store_true", help="also photographs without any of the four classes")
    coco.set_defaults(run=_from_coco)

    split = commands.add_parser(
        "split",
        help="make a dataset from your own labelled photographs",
        description="Split your own photographs into train, val and test. FOLDER holds images/ and, under the same "
        "names, labels/ with the .txt files of a labelling tool. Lists and a YAML are written into FOLDER; nothing is "
        "copied or moved. The photographs of one subfolder of images/ (one camera, one walk, one video) stay together.",
    )
    add(split, "folder FOLDER", arg.path, "the folder with images/ and labels/")
    names = "the class names, in the order of their numbers in the label files: --names person bicycle car bus"
    add(split, "--names NAME", str, names, nargs="+", required=True)
    add(split, "--val SHARE", arg.share, "share of the photographs to validate on", 0.2)
    add(split, "--test SHARE", arg.share, "share of the photographs to test on; 0: no test split", 0.2)
    add(split, "--seed N", arg.seed, "another seed, another split", 0)
    add(split, "--name NAME", arg.name, "name of the YAML; the lists begin with any name but the default", "dataset")
    split.add_argument("--by-image", action="store_true", help="divide subfolders, too")
    split.set_defaults(run=_split)

    check = commands.add_parser(
        "check",
        help="list everything that is wrong with a YOLO dataset",
        description="List everything that is wrong with a YOLO dataset, with file and line. Exit status 1 if anything is.",
    )
    add(check, "yaml YAML", arg.path, "the dataset's YAML")
    check.set_defaults(run=_check)


def _road_objects(args: argparse.Namespace) -> int:
    from coursekit.data.yolo.road_objects import build  # imported late: `coursekit --help` must not wait for it

    yaml = build(args.out, args.train, args.val, args.test, args.size, args.seed)
    print(f"Train on it: coursekit detect --data {yaml}")
    return 0


def _from_coco(args: argparse.Namespace) -> int:
    from coursekit.data.yolo.road_objects import from_coco

    yaml = from_coco(args.annotations, args.images, args.out, args.limit, args.keep_empty)
    print(f"Train on it: coursekit detect --data {yaml}")
    return 0


def _split(args: argparse.Namespace) -> int:
    from coursekit.data.yolo.split import split_dataset
    from coursekit.files import shown

    by_folder = not args.by_image
    made = split_dataset(args.folder, args.names, args.val, args.test, args.seed, by_folder=by_folder, name=args.name)
    yaml = shlex.quote(shown(made.yaml))
    print(f"{made}\nCheck the photographs, too: coursekit data check {yaml}")
    print(f"Train on it: coursekit detect --data {yaml}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from coursekit.data.yolo.check import caches, check
    from coursekit.files import shown

    problems = check(args.yaml)
    for problem in problems:
        print(problem)
    for cache in caches(args.yaml):
        why = "is not read here. Ultralytics itself would run code in it: delete it if it came along."
        print(f"Remark: {shown(cache)} {why}")
    if problems:
        files = len({problem.file for problem in problems})
        print(f"{len(problems)} problem{'s' * (len(problems) > 1)} in {files} file{'s' * (files > 1)}.")
        return 1
    print(f"{shown(args.yaml)}: no problems.")
    return 0
