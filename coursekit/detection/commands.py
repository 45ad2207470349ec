"""The verbs `detect`, `predict` and `label-efficiency` of the command line. torch and Ultralytics are imported when one runs."""

import argparse
from pathlib import Path

from coursekit import arguments as arg
from coursekit.arguments import add
from coursekit.runtime import CourseError

OF_A_NEW_RUN = ("size", "backbone", "route", "depths", "epochs", "freeze_epochs", "backbone_lr_factor", "layer_decay")
OF_A_NEW_RUN += ("imgsz", "batch", "lr0", "weight_decay", "optimizer", "project", "name", "seed", "weights")


def add_commands(verbs) -> None:
    """Add the three verbs to an argparse subparsers object; each sets `run`, a function of its arguments. Their lines in
    the list of verbs, and their examples, are in `coursekit.cli`."""
    detect = verbs.add_parser(
        "detect",
        description="Train YOLO12 on a YOLO dataset with Ultralytics. With --backbone the backbone comes from a pretraining "
        "run: YOLO12's own is copied into layers 0 to 8, any other network takes their place. It is frozen first, then "
        "trains at a smaller learning rate. --resume RUN goes on with a training that was interrupted.",
    )
    _add_common(detect, resumes=True)
    add(detect, "--backbone RUN", arg.path, "a run of `coursekit pretrain`, or an exported encoder")
    way = (
        "initialize: copy YOLO12's backbone; replace: put any encoder into its place, with an adapter; auto: what fits"
    )
    add(detect, "--route WAY", arg.text, way, "auto")
    add(
        detect,
        "--depths N",
        arg.count,
        "replace: after which blocks of the encoder maps are taken (default: the last)",
        nargs="+",
    )
    add(detect, "--epochs N", arg.count, "rounds over the data", 100)
    add(detect, "--freeze-epochs N", arg.whole, "of these, with a frozen backbone (default: a tenth)")
    add(detect, "--backbone-lr-factor F", arg.decay, "its learning rate after that, as a part of --lr0 (default: 0.1)")
    add(detect, "--layer-decay F", arg.decay, "rate of each of its layers, as a part of that of the next", 1.0)
    add(detect, "--imgsz PX", arg.count, "side of the images", 640)
    add(detect, "--optimizer NAME", arg.text, "SGD, AdamW, Adam or RMSProp", "SGD")
    add(detect, "--lr0 RATE", arg.rate, "learning rate", 0.01)
    add(detect, "--weight-decay W", arg.decay, "", 0.0005)
    start = (
        "start from yolo12{size}.pt, from random weights (yaml), or from a checkpoint; auto takes the .pt if it is at "
    )
    start += "hand or can be downloaded"
    add(detect, "--weights auto|pt|yaml|FILE", arg.path, start, "auto")
    add(detect, "--project --out DIR", arg.path, "folder of the runs", "cv_course_runs")
    run = "of the run; a number is added if it exists (default: yolo12{size}_objects)"
    add(detect, "--name NAME", arg.name, run)
    add(detect, "--seed N", arg.seed, "decides every random draw", 0)
    detect.add_argument("--no-check", action="store_true", help="do not check the dataset first")
    detect.add_argument("--no-plots", action="store_true", help="leave out Ultralytics' plots")
    detect.add_argument("--quiet", action="store_true", help="leave out what Ultralytics prints")
    pictures = "pictures or folders to detect in afterwards, drawn into the run's folder"
    add(detect, "--predict PATH", arg.path, pictures, nargs="+")
    add(detect, "--conf C", arg.share, "least confidence there (default: 0.25)")
    detect.set_defaults(run=run_detect, of_a_new_run={name: detect.get_default(name) for name in OF_A_NEW_RUN})

    predict = verbs.add_parser(
        "predict",
        description="Detect in pictures with the detector of a run, and write each picture with its boxes into a new folder.",
    )
    add(predict, "weights RUN", arg.path, "folder of a run of `coursekit detect`, a .pt or a .safetensors file")
    add(predict, "pictures PATH", arg.path, "pictures, or folders of them", nargs="+")
    add(predict, "--out DIR", arg.path, "a new folder", "predictions")
    add(predict, "--conf C", arg.share, "least confidence", 0.25)
    add(predict, "--imgsz PX", arg.count, "side of the images (default: as it was trained)")
    add(predict, "--device NAME", arg.text, "cpu, cuda, mps or a GPU's number (default: the best there is)")
    predict.set_defaults(run=run_predict)

    efficiency = verbs.add_parser(
        "label-efficiency",
        description="Train YOLO12 from self-supervised weights and from random ones at several numbers of labelled images, "
        "with equal budgets and shared seeds, and compare. Call it again to go on after a stop.",
    )
    _add_common(efficiency)
    add(
        efficiency, "--backbone RUN", arg.path, "arms ssl: a pretraining run of YOLO12, or one for each seed", nargs="+"
    )
    add(
        efficiency, "--replacement RUN", arg.path, "arms replaced: any pretraining run, or one for each seed", nargs="+"
    )
    add(efficiency, "--supervised FILE", arg.path, "arm supervised: a detector that was trained on other labels")
    labels = "numbers of labelled images, or shares such as 0.1"
    add(efficiency, "--labels N", arg.amount, labels, [32, 128], nargs="+")
    add(efficiency, "--seeds S", arg.seed, "", [0, 1, 2], nargs="+")
    arms = "of random, ssl, ssl_frozen_first, replaced, replaced_frozen, replaced_random, supervised"
    add(efficiency, "--arms ARM", arg.text, arms, ["random", "ssl"], nargs="+")
    factors = "the backbone's learning rate as a part of --lr0, such as ssl=0.3 (default: 1 for random, else 0.1)"
    add(efficiency, "--lr-factors ARM=F", arg.text, factors, nargs="+")
    length = efficiency.add_mutually_exclusive_group()
    add(length, "--steps N", arg.count, "optimizer steps of every run", 300)
    add(length, "--epochs N", arg.count, "or as many steps as N rounds over the largest label count")
    add(efficiency, "--imgsz PX", arg.count, "side of the images", 160)
    add(efficiency, "--lr0 RATE", arg.rate, "learning rate of AdamW", 0.001)
    add(efficiency, "--split NAME", arg.text, "what is measured on", "val")
    efficiency.add_argument("--keep-weights", action="store_true", help="keep every run's folder")
    add(efficiency, "--out DIR", arg.path, "folder of the experiment", required=True)
    efficiency.set_defaults(run=run_label_efficiency)


def _add_common(parser, resumes: bool = False) -> None:
    """Options of all trainings. resumes: may the dataset be left out, because a run that goes on knows it?"""
    add(parser, "--data YAML", arg.path, "the dataset, in YOLO's format", required=not resumes)
    if resumes:
        add(parser, "--resume RUN", arg.path, "folder of an interrupted run: it goes on, all its settings are kept")
    parser.add_argument("--size", default="n", choices=tuple("nsmlx"), help="of YOLO12 (default: n)")
    add(parser, "--batch N", arg.count, "images in a batch", 16)
    add(parser, "--device NAME", arg.text, "cpu, cuda or mps (default: the first that works)")


def run_detect(args: argparse.Namespace) -> int:
    """coursekit detect: check, train, tell, and predict if asked."""
    from coursekit.data.yolo.road_objects import check
    from coursekit.detection.predictions import check_pictures
    from coursekit.detection.validation import check_dataset
    from coursekit.detection.yolo12 import resume, train
    from coursekit.files import listed

    if (args.data is None) == (args.resume is None):
        raise CourseError("Name either a dataset (--data YAML) or an interrupted run to go on with (--resume RUN).")
    changed = [n for n, default in args.of_a_new_run.items() if getattr(args, n) != default]
    if args.resume and changed:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
        raise CourseError(f"{args.resume} goes on with the settings that it began with: leave out {options}.")
    if args.conf is not None and not args.predict:
        raise CourseError("--conf is of what --predict draws: add --predict PATH, or leave --conf out.")
    conf = 0.25 if args.conf is None else args.conf
    check_pictures(args.predict or [])  # not after hours of training
    if args.data:
        check_dataset(args.data)
    if args.data and not args.no_check and (problems := check(args.data)):
        way_out = f"`coursekit data check {args.data}` lists all. Mend them, or train all the same with --no-check."
        raise CourseError(f"{args.data} has {len(problems)} problem(s):{listed(problems)}\n{way_out}")
    told = {"verbose": not args.quiet, "plots": not args.no_plots}
    if args.resume:
        run = resume(args.resume, device=args.device, **told)
    else:
        chosen = {name: getattr(args, name) for name in OF_A_NEW_RUN} | {"depths": args.depths or ()}
        run = train(args.data, device=args.device, **told, **chosen)
    found, by_class = run.metrics, ", ".join(f"{name} {ap:.3f}" for name, ap in run.metrics.ap50.items())
    print(f"mAP50-95 {found.map50_95:.3f}, mAP50 {found.map50:.3f} on the validation split; AP50 by class: {by_class}")
    print(f"weights: {run.best}")
    if args.predict:
        imgsz = None if args.resume else args.imgsz  # None: as it was trained
        _predict(run, args.predict, run.folder / "predictions", conf=conf, imgsz=imgsz, device=args.device)
    return 0


def run_predict(args: argparse.Namespace) -> int:
    """coursekit predict: check everything, then draw one picture after the other."""
    from coursekit.detection.predictions import check_pictures

    check_pictures(args.pictures)
    _predict(args.weights, args.pictures, Path(args.out), conf=args.conf, imgsz=args.imgsz, device=args.device)
    return 0


def _predict(weights, pictures: list[str], folder: Path, **settings) -> None:
    """Draw into `folder`, which must be new: nothing in it is overwritten."""
    from PIL import Image

    from coursekit.detection.drawing import draw
    from coursekit.detection.predictions import predict_each
    from coursekit.files import listed, shown, write_atomically

    unreadable: list[CourseError] = []
    everything = predict_each(weights, pictures, unreadable=unreadable, **settings)  # refuses before there is a folder
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        why = f"for the pictures ({error.strerror}). Name a new one with --out."
        raise CourseError(f"Cannot make the folder {folder} {why}") from error
    for number, found in enumerate(everything):
        # The number makes a name unique; without odd bytes, and cut, because file systems take 255 bytes of a name
        stem = found.path.stem.encode(errors="ignore")[:200].decode(errors="ignore")
        target, picture = folder / f"{number:04d}_{stem}.jpg", Image.fromarray(draw(found))
        write_atomically(target, lambda file, picture=picture: picture.save(file, "JPEG", quality=92))
        print(shown(f"{found} -> {target}"))
    if unreadable:
        left_out = f"{len(unreadable)} picture(s) were left out:{listed(unreadable, len(unreadable))}"
        raise CourseError(f"{left_out}\nThe other pictures are in {folder}.")


def run_label_efficiency(args: argparse.Namespace) -> int:
    """coursekit label-efficiency: run what is missing, then print the table."""
    from coursekit.detection.label_efficiency import Settings, run_experiment, steps_of

    same = ("size", "batch", "split", "imgsz", "lr0", "steps")
    settings = Settings(**{name: getattr(args, name) for name in same})
    if args.epochs:
        settings = steps_of(settings, args.data, args.labels, args.epochs)
    which = (args.labels, args.seeds, args.arms)
    starts = {
        "replacement": args.replacement,
        "supervised": args.supervised,
        "lr_factors": _factors(args.lr_factors or []),
    }
    run = {"device": args.device, "keep_weights": args.keep_weights}
    print(run_experiment(args.data, args.backbone, args.out, *which, settings, **starts, **run))
    return 0


def _factors(words: list[str]) -> dict[str, float]:
    """ARM=F, ... as numbers by arm. Raises CourseError for other words."""
    try:
        return {arm: float(factor) for arm, factor in (word.split("=") for word in words)}
    except ValueError:
        raise CourseError(f"--lr-factors takes words such as ssl=0.3, not {' '.join(words)}.") from None
