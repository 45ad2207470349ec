"""The verbs `pretrain`, `evaluate`, `recipes`, `leaderboard` and `doctor` of the command line."""

import argparse
import os
import shlex
from pathlib import Path

from coursekit import arguments as arg
from coursekit.arguments import add
from coursekit.runtime import CourseError

SKIP = "leave out images that cannot be read"


def add_commands(verbs) -> None:
    """Add the five verbs to an argparse subparsers object; each sets `run`, a function of its arguments. Their lines in
    the list of verbs, and their examples, are in `coursekit.cli`."""
    pretrain = verbs.add_parser(
        "pretrain",
        description="Train an encoder on unlabelled images. The run's folder holds its checkpoint and history. If "
        "it already holds an unfinished run of the same settings, that run goes on.",
    )
    add(
        pretrain,
        "method METHOD",
        arg.text,
        "the self-supervised method: simclr, moco, swav, byol, simsiam, lejepa, rotation, ...; a wrong name lists all",
    )
    setting = (
        "a setting of the method (temperature=0.2), its views (views.view.scale=0.2,1.0) or its training (clip=3.0); "
    )
    setting += "may be repeated; a wrong name lists all"
    pretrain.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=setting)
    network = (
        "the network to train: yolo12n to yolo12x (sizes that are multiples of 32), resnet_micro, resnet18, vit_micro, "
    )
    network += "vit_small, vit_b_16 and others; a wrong name lists all"
    add(pretrain, "--encoder NAME", arg.text, network, required=True)
    images = pretrain.add_mutually_exclusive_group(required=True)
    add(images, "--images DIR", arg.path, "images to learn from: every picture below the folder")
    add(images, "--scenes N", arg.count, "or N drawn road scenes")
    add(pretrain, "--limit N", arg.count, "take at most N images of the folder")
    pretrain.add_argument("--skip-unreadable", action="store_true", help=SKIP)
    add(pretrain, "--image-size PX", arg.image_size, "side of the views", 96)
    length = pretrain.add_mutually_exclusive_group()
    add(length, "--steps N", arg.count, "optimizer steps")
    add(length, "--epochs N", arg.count, "rounds over the images", 20)
    add(pretrain, "--batch-size N", arg.count, "images in a step (default: 256, or all); fewer need less memory")
    add(pretrain, "--lr RATE", arg.rate, "peak learning rate (default: the method's, times batch size / 256)")
    add(pretrain, "--weight-decay W", arg.decay, "of AdamW (default: the method's)")
    add(pretrain, "--warmup STEPS", arg.whole, "of the learning rate (default: a tenth)")
    add(pretrain, "--seed N", arg.seed, "decides every random draw", 0)
    add(pretrain, "--out RUN", arg.path, "folder of the run", required=True)
    pretrain.set_defaults(run=run_pretrain)

    evaluate = verbs.add_parser(
        "evaluate",
        description="Freeze the encoder of a run and ask how well its features tell classes apart, beside what raw "
        "pixels and the same network with random weights score on the same images.",
    )
    add(evaluate, "encoder RUN", arg.path, "folder of a run, or an exported .safetensors encoder")
    labelled = "labelled images: one subfolder for each class (default: crops of drawn road scenes)"
    add(evaluate, "--images DIR", arg.path, labelled)
    evaluate.add_argument("--skip-unreadable", action="store_true", help=SKIP)
    add(evaluate, "--crops N", arg.count, "number of crops", 2500)
    add(evaluate, "--k K", arg.count, "neighbours that vote", 20)
    add(evaluate, "--finetune STEPS", arg.count, "also train the whole network on the labels, so many steps")
    add(evaluate, "--seed N", arg.seed, "of crops, split and random weights", 0)
    evaluate.set_defaults(run=run_evaluate)

    recipes = verbs.add_parser(
        "recipes",
        description="Make one of the files that ship in data/, with the budget that this machine is for: quick on a CPU, "
        "full on a GPU. Without a name: list what there is. A recipe that was stopped goes on.",
    )
    add(recipes, "name NAME", arg.text, "the recipe to make", nargs="?")
    add(recipes, "--out DIR", arg.path, "where to write (default: data/ of the checkout)")
    recipes.set_defaults(run=run_recipes)

    leaderboard = verbs.add_parser(
        "leaderboard",
        description="Print what all methods scored at one budget, as it was recorded: k-NN, linear probe and fine-tuned "
        "with 95 % intervals, images a second, seconds of training, memory. `coursekit recipes methods-large` makes the "
        "table again, all runs included.",
    )
    add(
        leaderboard,
        "--data NAME",
        arg.text,
        "only what was trained on these images (default: all); a wrong name lists them",
    )
    sorting = "the column to sort by: knn, linear_probe, finetune, images_per_second, training_seconds, memory_mb"
    add(leaderboard, "--by COLUMN", arg.text, sorting, "linear_probe")
    add(
        leaderboard, "--csv FILE", arg.path, "also write the table's numbers to FILE.csv; one that is there is replaced"
    )
    leaderboard.set_defaults(run=run_leaderboard)

    doctor = verbs.add_parser(
        "doctor",
        description="Look at Python, torch, the device, memory, disk, the notebook tools and Ultralytics. Exit status "
        "1 if something keeps the course from running.",
    )
    doctor.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace) -> int:
    """`coursekit doctor`."""
    from coursekit import doctor

    return doctor.main([])


def run_recipes(args: argparse.Namespace) -> int:
    """`coursekit recipes`."""
    from coursekit.recipes import RECIPES, make

    if args.name is None:
        width = max(map(len, RECIPES))
        for name, recipe in RECIPES.items():
            print(f"{name:<{width}}  {recipe.about}")
        return 0
    for path in make(args.name, args.out):
        print(path)
    return 0


def run_leaderboard(args: argparse.Namespace) -> int:
    """`coursekit leaderboard`."""
    from coursekit.recipes import leaderboard

    chosen = {"data": args.data, "by": args.by.strip().replace("-", "_")}
    text = leaderboard.table(**chosen)
    written = leaderboard.write_csv(args.csv, leaderboard.standings(**chosen)) if args.csv else None
    print(text)
    if written:
        print(f"The same numbers: {written}")
    return 0


def run_pretrain(args: argparse.Namespace) -> int:
    """`coursekit pretrain`. Under torchrun, every process runs it and the first one speaks."""
    from coursekit import runtime
    from coursekit.data.images import ImageSet
    from coursekit.training import pretrain
    from coursekit.training.checks import check_folder

    speaks = os.environ.get("RANK", "0") == "0"
    runtime.seed_everything(args.seed)  # the first weights
    method, rates = method_from_words(args.method, args.encoder, args.image_size, args.set)
    rates |= {name: getattr(args, name) for name in ("lr", "weight_decay") if getattr(args, name) is not None}
    size = args.image_size * 3 // 2  # room for crops that are sharper than the view
    check_folder(args.out)  # before images are decoded
    if args.batch_size:
        method.check_batch(args.batch_size)
    if args.images:
        images = ImageSet.from_folder(args.images, size, args.limit, skip_unreadable=args.skip_unreadable)
    else:
        images = ImageSet.road_scenes(args.scenes, size, args.seed)
    batch_size = args.batch_size or min(256, len(images))
    steps = args.steps or args.epochs * max(1, len(images) // batch_size)
    if speaks:
        parameters = sum(p.numel() for p in method.encoder.parameters())
        print(
            f"{args.method} on {len(images)} images, {size} px cut to views of {args.image_size} px. {args.encoder}: "
            f"{parameters / 1e6:.2f} million parameters. {steps} steps of {batch_size} images on {runtime.device()}."
        )
    length = {"steps": steps, "batch_size": batch_size, "warmup": args.warmup}
    history = pretrain(method, images, **length, **rates, seed=args.seed, out=args.out)
    if speaks:
        last = history.rows[-1]
        chance = f" (chance: {last['chance']:.3f})" if last.get("chance") is not None else ""
        print(
            f"Loss {last['loss']:.3f}{chance}. The encoder is in {args.out}: coursekit evaluate {shlex.quote(args.out)}"
        )
    return 0


def method_from_words(name: str, encoder: str, image_size: int, words: list[str]):
    """(the method, what its training is to differ in), from words such as "temperature=0.2".

    name, encoder: of the method and its network. image_size: side of the views, px. words: NAME=VALUE, where NAME is a
    setting of the method, of its views ("views.view.scale") or of its training ("clip"). Raises CourseError for a name
    unknown to all three, with the list of those that there are, and for a value of a wrong type.
    """
    from coursekit import settings
    from coursekit.methods import build_method, method_class
    from coursekit.methods.registry import method_settings
    from coursekit.models import build_encoder

    method = method_class(name)
    views = method.default_views(image_size)
    of_views, of_training = settings.of_value(views, "views."), settings.of_value(method.defaults)
    known = {**method_settings(method), **of_training, **of_views}
    given = settings.check(method.__name__, known, settings.read_words(words))
    views = settings.replaced(views, {k.removeprefix("views."): v for k, v in given.items() if k in of_views})
    rates = {k: v for k, v in given.items() if k in of_training}
    own = {k: v for k, v in given.items() if k not in of_views and k not in of_training}
    return build_method(name, build_encoder(encoder, image_size=image_size), views, **own), rates


def run_evaluate(args: argparse.Namespace) -> int:
    """`coursekit evaluate`."""
    from coursekit import evaluation, runtime
    from coursekit.training import load_encoder

    trained = load_encoder(args.encoder).to(runtime.device())
    size = trained.spec["image_size"]
    train, test, what = labeled_images(args.images, args.crops, size, args.seed, args.skip_unreadable)
    print(f"{len(train)} images to learn from, {len(test)} to be judged by, {len(train.class_names)} classes: {what}")
    by, steps = (evaluation.PROBES, {}) if args.finetune is None else (evaluation.TITLES, {"steps": args.finetune})
    told = {"k": args.k, "seed": args.seed, "show": lambda line: print(line, flush=True)}
    evaluation.compare(trained, train, test, by=by, **told, **steps)
    print("Each: accuracy, its 95 % interval over the choice of test images, and seconds.")
    return 0


def labeled_images(folder: str | None, crops: int, size: int, seed: int, skip_unreadable: bool = False):
    """(train, test, what they are): four fifths and one fifth of a labelled folder, or of crops of drawn road scenes.

    folder: one subfolder for each class. crops: how many if no folder is named. size: px.
    Raises CourseError for a folder without at least two classes of two images.
    """
    import torch

    from coursekit.data.images import ImageSet

    if folder is None:
        if crops < 50:
            raise CourseError(f"{crops} crops say nothing about 15 subtypes. Ask for 50 or more.")
        test = max(1, crops // 5)
        # two seeds, two disjoint worlds: a scene never lends crops to both sides
        return (
            ImageSet.road_crops(crops - test, size, seed),
            ImageSet.road_crops(test, size, seed + 1),
            "crops of drawn road scenes",
        )
    labeled = ImageSet.from_class_folders(folder, size, skip_unreadable=skip_unreadable)
    held_out, order = [], torch.Generator().manual_seed(seed)
    for label, name in enumerate(labeled.class_names):
        of_class = (labeled.labels == label).nonzero()[:, 0]
        if len(of_class) < 2:
            raise CourseError(
                f"{Path(folder) / name} holds one image; a class needs two: one to learn from and one to be judged by."
            )
        shuffled = of_class[torch.randperm(len(of_class), generator=order)]
        held_out.append(shuffled[: max(1, len(of_class) // 5)])
    judged = torch.zeros(len(labeled), dtype=torch.bool)
    judged[torch.cat(held_out)] = True
    return labeled[~judged], labeled[judged], str(folder)
