"""The verbs `detect`, `predict` and `label-efficiency` of the command line. torch and Ultralytics are imported when one runs."""

import argparse
from pathlib import Path

from coursekit import arguments as arg
from coursekit.runtime import CourseError


def add_commands(verbs) -> None:
    """Add the three verbs to an argparse subparsers object; each sets `run`, a function of its arguments. Their lines in
    the list of verbs, and their examples, are in `coursekit.cli`."""
    detect = verbs.add_parser(
        "detect",
        description="Train YOLO12 on a YOLO dataset with Ultralytics. With --backbone, layers 0 to 8 start from a "
        "pretraining run: first frozen, then everything trains at a smaller learning rate.",
    )
    _add_common(detect)
    detect.add_argument(
        "--backbone", type=arg.path, metavar="RUN", help="a run of `coursekit pretrain ... --encoder yolo12n`"
    )
    detect.add_argument(
        "--epochs", type=arg.count, default=100, metavar="N", help="rounds over the data (default: 100)"
    )
    detect.add_argument(
        "--freeze-epochs", type=arg.whole, metavar="N", help="of these, with a frozen backbone (default: a tenth)"
    )
    detect.add_argument(
        "--unfreeze-lr-factor",
        type=arg.rate,
        default=0.1,
        metavar="F",
        help="learning rate after that, as a part of --lr0 (default: 0.1)",
    )
    detect.add_argument("--imgsz", type=arg.count, default=640, metavar="PX", help="side of the images (default: 640)")
    detect.add_argument("--optimizer", default="SGD", metavar="NAME", help="SGD, AdamW, Adam or RMSProp (default: SGD)")
    detect.add_argument("--lr0", type=arg.rate, default=0.01, metavar="RATE", help="learning rate (default: 0.01)")
    detect.add_argument("--weight-decay", type=arg.decay, default=0.0005, metavar="W", help="default: 0.0005")
    detect.add_argument(
        "--weights",
        type=arg.path,
        default="auto",
        metavar="auto|pt|yaml|FILE",
        help="start from yolo12{size}.pt, from random weights (yaml), or from a checkpoint; auto, the "
        "default, takes the .pt if it is at hand or can be downloaded",
    )
    detect.add_argument(
        "--project",
        "--out",
        type=arg.path,
        default="cv_course_runs",
        metavar="DIR",
        help="folder of the runs (default: %(default)s)",
    )
    detect.add_argument(
        "--name",
        type=arg.name,
        metavar="NAME",
        help="of the run; a number is added if it exists (default: yolo12{size}_objects)",
    )
    detect.add_argument("--seed", type=arg.seed, default=0, metavar="N", help="decides every random draw (default: 0)")
    detect.add_argument("--no-check", action="store_true", help="do not check the dataset first")
    detect.add_argument("--no-plots", action="store_true", help="leave out Ultralytics' plots")
    detect.add_argument("--quiet", action="store_true", help="leave out what Ultralytics prints")
    detect.add_argument(
        "--predict",
        type=arg.path,
        nargs="+",
        metavar="PATH",
        help="pictures or folders to detect in afterwards, drawn into the run's folder",
    )
    detect.add_argument("--conf", type=arg.share, metavar="C", help="least confidence there (default: 0.25)")
    detect.set_defaults(run=run_detect)

    predict = verbs.add_parser(
        "predict",
        description="Detect in pictures with the detector of a run, and write each picture with its boxes into a new folder.",
    )
    predict.add_argument(
        "weights",
        type=arg.path,
        metavar="RUN",
        help="folder of a run of `coursekit detect`, a .pt or a .safetensors file",
    )
    predict.add_argument("pictures", type=arg.path, nargs="+", metavar="PATH", help="pictures, or folders of them")
    predict.add_argument(
        "--out", type=arg.path, default="predictions", metavar="DIR", help="a new folder (default: predictions)"
    )
    predict.add_argument("--conf", type=arg.share, default=0.25, metavar="C", help="least confidence (default: 0.25)")
    predict.add_argument(
        "--imgsz", type=arg.count, metavar="PX", help="side of the images (default: as it was trained)"
    )
    predict.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, mps or a GPU's number (default: the best there is)"
    )
    predict.set_defaults(run=run_predict)

    efficiency = verbs.add_parser(
        "label-efficiency",
        description="Train YOLO12 from a self-supervised backbone and from random weights at several numbers of "
        "labelled images, with equal budgets and shared seeds, and compare. Call it again to go on after "
        "a stop.",
    )
    _add_common(efficiency)
    efficiency.add_argument(
        "--backbone",
        type=arg.path,
        required=True,
        nargs="+",
        metavar="RUN",
        help="a pretraining run, or one for each seed",
    )
    efficiency.add_argument(
        "--labels",
        type=arg.amount,
        nargs="+",
        default=[32, 128],
        metavar="N",
        help="numbers of labelled images, or shares such as 0.1 (default: 32 128)",
    )
    efficiency.add_argument("--seeds", type=arg.seed, nargs="+", default=[0, 1, 2], metavar="S", help="default: 0 1 2")
    efficiency.add_argument(
        "--arms",
        nargs="+",
        default=["random", "ssl"],
        metavar="ARM",
        help="of random, ssl, ssl_frozen_first (default: random ssl)",
    )
    length = efficiency.add_mutually_exclusive_group()
    length.add_argument("--steps", type=arg.count, metavar="N", help="optimizer steps of every run (default: 300)")
    length.add_argument(
        "--epochs", type=arg.count, metavar="N", help="or as many steps as N rounds over the largest label count"
    )
    efficiency.add_argument("--imgsz", type=arg.count, metavar="PX", help="side of the images (default: 160)")
    efficiency.add_argument("--lr0", type=arg.rate, metavar="RATE", help="learning rate of AdamW (default: 0.001)")
    efficiency.add_argument("--split", default="val", metavar="NAME", help="what is measured on (default: val)")
    efficiency.add_argument("--keep-weights", action="store_true", help="keep every run's folder")
    efficiency.add_argument("--out", type=arg.path, required=True, metavar="DIR", help="folder of the experiment")
    efficiency.set_defaults(run=run_label_efficiency)


def _add_common(parser) -> None:
    parser.add_argument("--data", type=arg.path, required=True, metavar="YAML", help="the dataset, in YOLO's format")
    parser.add_argument("--size", default="n", choices=tuple("nsmlx"), help="of YOLO12 (default: n)")
    parser.add_argument("--batch", type=arg.count, default=16, metavar="N", help="images in a batch (default: 16)")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the first that works)")


def run_detect(args: argparse.Namespace) -> int:
    """coursekit detect: check, train, tell, and predict if asked."""
    from coursekit.data.yolo.road_objects import check
    from coursekit.detection.predictions import check_pictures
    from coursekit.detection.settings import check_given
    from coursekit.detection.validation import check_dataset
    from coursekit.detection.yolo12 import train

    check_given(**vars(args))
    if args.conf is not None and not args.predict:
        raise CourseError(
            "--conf is the least confidence of what --predict draws, and there is no --predict. Add --predict PATH, or "
            "leave --conf out."
        )
    conf = 0.25 if args.conf is None else args.conf
    check_pictures(args.predict or [])  # not after hours of training
    check_dataset(args.data)
    if not args.no_check and (problems := check(args.data)):
        listed = "\n".join(f"  {problem}" for problem in problems[:5])
        raise CourseError(
            f"{args.data} has {len(problems)} problem(s):\n{listed}\n`coursekit data check {args.data}` "
            "lists all. Mend them, or train all the same with --no-check."
        )
    same = ("epochs", "freeze_epochs", "imgsz", "batch", "lr0", "unfreeze_lr_factor", "weight_decay", "optimizer")
    same += ("device", "project", "name", "seed", "weights")
    chosen = {name: getattr(args, name) for name in same}
    run = train(args.data, args.size, args.backbone, verbose=not args.quiet, plots=not args.no_plots, **chosen)
    print(
        f"mAP50-95 {run.metrics.map50_95:.3f}, mAP50 {run.metrics.map50:.3f} on the validation split; AP50 by class: "
        + ", ".join(f"{name} {ap:.3f}" for name, ap in run.metrics.ap50.items())
    )
    print(f"weights: {run.best}")
    if args.predict:
        _predict(run, args.predict, run.folder / "predictions", conf=conf, imgsz=args.imgsz, device=args.device)
    return 0


def run_predict(args: argparse.Namespace) -> int:
    """coursekit predict: check everything, then draw one picture after the other."""
    from coursekit.detection.predictions import check_pictures
    from coursekit.detection.settings import check_given

    check_given(**vars(args))
    check_pictures(args.pictures)
    _predict(args.weights, args.pictures, Path(args.out), conf=args.conf, imgsz=args.imgsz, device=args.device)
    return 0


def _predict(weights, pictures: list[str], folder: Path, **settings) -> None:
    """Draw into `folder`, which must be new: nothing in it is overwritten."""
    from PIL import Image

    from coursekit.detection.drawing import draw
    from coursekit.detection.predictions import predict_each
    from coursekit.files import shown, write_atomically

    unreadable: list[CourseError] = []
    everything = predict_each(weights, pictures, unreadable=unreadable, **settings)  # refuses before there is a folder
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise CourseError(
            f"Cannot make the folder {folder} for the pictures ({error.strerror}). Name a new one with --out."
        ) from error
    for number, found in enumerate(everything):
        # The number makes a name unique; without odd bytes, and cut, because file systems take 255 bytes of a name
        stem = found.path.stem.encode(errors="ignore")[:200].decode(errors="ignore")
        target, picture = folder / f"{number:04d}_{stem}.jpg", Image.fromarray(draw(found))
        write_atomically(target, lambda file, picture=picture: picture.save(file, "JPEG", quality=92))
        print(shown(f"{found} -> {target}"))
    if unreadable:
        listed = "\n".join(f"  {error}" for error in unreadable)
        raise CourseError(f"{len(unreadable)} picture(s) were left out:\n{listed}\nThe other pictures are in {folder}.")


def run_label_efficiency(args: argparse.Namespace) -> int:
    """coursekit label-efficiency: run what is missing, then print the table."""
    from coursekit.detection.label_efficiency import Settings, run_experiment, steps_of
    from coursekit.detection.settings import check_given

    check_given(**vars(args))
    chosen = {"imgsz": args.imgsz, "lr0": args.lr0, "steps": args.steps}
    settings = Settings(
        size=args.size,
        batch=args.batch,
        split=args.split,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    if args.epochs:
        settings = steps_of(settings, args.data, args.labels, args.epochs)
    backbone = args.backbone[0] if len(args.backbone) == 1 else args.backbone
    print(
        run_experiment(
            args.data, backbone, args.out, args.labels, args.seeds, args.arms, settings, args.device, args.keep_weights
        )
    )
    return 0
