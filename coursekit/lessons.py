"""The one table of lessons. The README, the study map, the quizzes and the checks of notebooks read it."""

from typing import NamedTuple


class Lesson(NamedTuple):
    """One row of the table.

    name: of the notebook, without .ipynb. minutes: to read and do. title: on the study map. teaches: in the README.
    exercises: their names. there: False while the lesson is still to be written.
    """

    name: str
    minutes: int
    title: str
    teaches: str
    exercises: tuple[str, ...] = ()
    there: bool = False

    @property
    def number(self) -> str:
        """The two digits that its name begins with, such as "03"."""
        return self.name[:2]


_TABLE = (
    Lesson(
        "00_start_here",
        20,
        "Start here",
        "the pipeline, the three key ideas, the study map, is this machine ready",
        exercises=("pick_partners",),
        there=True,
    ),
    Lesson(
        "01_pretext_tasks",
        60,
        "Pretext tasks",
        "rotation, colorization, jigsaw order, masked patches: labels for free",
        exercises=("rotate_labels", "masked_error"),
        there=True,
    ),
    Lesson(
        "02_judging_representations",
        60,
        "Judging representations",
        "k-NN, linear probe, fine-tuning, and what a random encoder already scores",
        exercises=("knn_vote", "wilson_interval"),
        there=True,
    ),
    Lesson(
        "03_instance_discrimination",
        90,
        "Instance discrimination",
        "SimCLR and InfoNCE: augmentations, temperature, projection head",
        exercises=("info_nce", "alignment_and_uniformity"),
        there=True,
    ),
    Lesson(
        "04_queues_and_clusters",
        75,
        "Queues and clusters",
        "MoCo's queue and momentum encoder; SwAV's clusters",
        exercises=("enqueue", "sinkhorn"),
        there=True,
    ),
    Lesson(
        "05_without_negatives",
        75,
        "Without negatives",
        "BYOL, SimSiam and LeJEPA; collapse, made to happen and measured",
        exercises=("collapse_meter", "byol_loss"),
        there=True,
    ),
    Lesson(
        "06_patch_level_contrast",
        75,
        "Patch-level contrast",
        "contrast between patches instead of images",
        exercises=("patch_partners", "patch_info_nce"),
        there=True,
    ),
    Lesson(
        "07_dinov2_teacher_student",
        90,
        "DINOv2: teacher and student",
        "teacher and student, centring, iBOT, KoLeo, attention maps",
        exercises=("dino_loss", "teacher_answer"),
        there=True,
    ),
    Lesson(
        "08_masked_image_modeling",
        75,
        "Masked image modelling",
        "MAE's pixels, BEiT's visual tokens",
        exercises=("random_masking", "mae_loss"),
        there=True,
    ),
    Lesson(
        "09_choosing_a_method",
        60,
        "Choosing a method",
        "all methods at one budget: accuracy with intervals, price, and what came after",
        exercises=("paired_gain", "frontier"),
        there=True,
    ),
    Lesson(
        "10_backbone_to_detector",
        90,
        "From backbone to detector",
        "adapters, neck and head; freeze, then unfreeze",
        exercises=("tokens_to_map", "layer_rates"),
        there=True,
    ),
    Lesson(
        "11_yolo12_road_objects",
        90,
        "YOLO12 on road objects",
        "YOLO12 on road objects: dataset, sizes, training, prediction",
        exercises=("iou", "average_precision"),
        there=True,
    ),
    Lesson(
        "12_does_it_pay",
        75,
        "Does it pay?",
        "SSL against random weights at few and many labels, short and long; your own photographs",
        exercises=("nearest_image", "labels_needed"),
        there=True,
    ),
)
LESSONS = {lesson.number: lesson for lesson in _TABLE}  # by number, in their order
