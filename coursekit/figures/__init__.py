"""Plots and diagrams: pure functions that return a Figure, or an SVG that a notebook shows.

The room is large, and matplotlib, torch and scikit-learn are slow to import: a file of it is imported when one of its
functions is used (PEP 562).
"""

from importlib import import_module

HOMES = {  # file -> what it hands on
    "ablations": ("ablation", "ablation_by"),
    "after": ("fair_comparison_diagram", "gram_diagram", "ijepa_diagram", "sigreg_diagram"),
    "attention": ("attention_grid", "attention_overlay", "likeness", "patch_color_rows"),
    "boxes": ("box_sizes", "class_counts", "dataset_sample", "detection_grid", "detections", "label_numbers"),
    "cells": ("lit_cells",),
    "choosing": (
        "cost_frontier",
        "data_size",
        "judges_against",
        "rank_agreement",
        "standings_dots",
        "two_budgets",
        "view_costs",
    ),
    "clusters": ("cluster_examples", "sinkhorn_steps"),
    "collapse": ("collapse_table", "sphere_clouds", "spheres"),
    "contrast": ("similarity_matrix", "temperature_curves"),
    "dino": ("answer_curves", "attention_found", "hidden_patches", "terms_table"),
    "curves": ("bars_with_intervals", "grouped_bars", "training_curves"),
    "detector_curves": ("label_efficiency", "model_sizes", "results_curves"),
    "embedding": ("embedding_map", "neighbors"),
    "failures": ("confusion_matrix", "failure_crops"),
    "flat": ("flat_maps", "variance_curves"),
    "gains": ("dense_gains",),
    "game": ("game_scores", "partner_picks"),
    "gaussian": ("characteristic_functions", "cloud_steps"),
    "head_output": ("raw_boxes",),
    "images": ("crop_box", "crop_corners", "image_grid", "view_pairs"),
    "judges": ("judges_diagram",),
    "key_queue": ("key_ages", "negatives_memory", "queue_ring"),
    "masked_modeling": ("masked_modeling_diagram",),
    "masking": (
        "code_usage",
        "cost_curves",
        "judge_bars",
        "published_scaling",
        "share_curves",
        "target_row",
        "thin_class_picture",
        "visual_words",
        "word_map",
    ),
    "matching": ("box_overlap", "iou_boxes", "precision_recall"),
    "moco_swav": ("queue_and_clusters_diagram",),
    "overview": ("pipeline", "study_map", "three_ideas"),
    "sampling": ("accuracy_draws",),
    "patches": ("correspondences", "patch_roles", "place_maps", "region_pairs"),
    "patch_steps": ("patch_steps_diagram",),
    "payoff": ("payoff_diagram", "probe_against_detector", "two_schedules"),
    "pretext": (
        "coloring",
        "inpainting",
        "jigsaw_pieces",
        "loss_and_baseline",
        "loss_and_levels",
        "picture_rows",
        "pretext_tasks",
    ),
    "momentum": ("momentum_picture",),
    "registers": ("registers_diagram", "token_norms"),
    "siamese": ("siamese_diagram",),
    "simclr": ("simclr_diagram",),
    "style": ("alt_text", "describe", "png", "setup"),
    "teacher_student": ("teacher_student_diagram",),
    "toy_teacher": ("entropy_curves", "self_training", "self_training_picture"),
    "transfer": ("transfer_diagram",),
    "two_routes": ("two_routes_diagram",),
    "two_methods": ("side_by_side",),
    "votes": ("neighbor_votes",),
}
__all__ = [name for names in HOMES.values() for name in names]


def __getattr__(name: str):
    for home, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"coursekit.figures.{home}"), name)
    raise AttributeError(f"coursekit.figures has no {name!r}")


def __dir__() -> list[str]:
    return __all__
