"""Plots and diagrams: pure functions that return a Figure, or an SVG that a notebook shows."""

from coursekit.figures.boxes import box_sizes, class_counts, dataset_sample, detection_grid, detections
from coursekit.figures.contrast import similarity_matrix, temperature_curves
from coursekit.figures.curves import bars_with_intervals, training_curves
from coursekit.figures.detector_curves import label_efficiency, model_sizes, results_curves
from coursekit.figures.embedding import embedding_map, neighbors
from coursekit.figures.game import partner_picks
from coursekit.figures.images import crop_box, crop_corners, image_grid, view_pairs
from coursekit.figures.matching import box_overlap, iou_boxes, precision_recall
from coursekit.figures.overview import pipeline, study_map, three_ideas
from coursekit.figures.simclr import simclr_diagram
from coursekit.figures.style import alt_text, describe, png, setup
from coursekit.figures.transfer import transfer_diagram

__all__ = [
    "alt_text",
    "bars_with_intervals",
    "box_overlap",
    "box_sizes",
    "class_counts",
    "crop_box",
    "crop_corners",
    "dataset_sample",
    "describe",
    "detection_grid",
    "detections",
    "embedding_map",
    "image_grid",
    "iou_boxes",
    "label_efficiency",
    "model_sizes",
    "neighbors",
    "partner_picks",
    "pipeline",
    "png",
    "precision_recall",
    "results_curves",
    "setup",
    "simclr_diagram",
    "similarity_matrix",
    "study_map",
    "temperature_curves",
    "three_ideas",
    "training_curves",
    "transfer_diagram",
    "view_pairs",
]
