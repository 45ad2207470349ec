"""Judging: features by k-NN and by linear, dense and segmentation probe, a start by fine-tuning, numbers by intervals."""

from coursekit.evaluation.attention import MapScore, attention_scores, class_attention
from coursekit.evaluation.balanced_clusters import balanced_clusters, purity
from coursekit.evaluation.correspondence import most_similar, patch_vectors, places_found
from coursekit.evaluation.dense_probe import DenseScore, dense_difference, dense_probe
from coursekit.evaluation.explained import variance_explained
from coursekit.evaluation.features import extract_features, raw_pixels
from coursekit.evaluation.finetune import FinetuneResult, finetune
from coursekit.evaluation.frontier import frontier
from coursekit.evaluation.grid import run_grid
from coursekit.evaluation.hidden_depth import hidden_depth
from coursekit.evaluation.judging import (
    PROBES,
    TITLES,
    Score,
    compare,
    guesses_right,
    judge,
    knn_score,
    nearest,
    neighbors_right,
)
from coursekit.evaluation.key_ages import KeyAges
from coursekit.evaluation.knn import knn_accuracy, knn_predict
from coursekit.evaluation.labels_needed import labels_needed
from coursekit.evaluation.linear_probe import ProbeResult, linear_probe
from coursekit.evaluation.memory import step_memory
from coursekit.evaluation.partners import partners_found, pick_partners, view_features
from coursekit.evaluation.patch_features import patch_colors, patch_norms, patch_similarity
from coursekit.evaluation.places import place_features, place_labels
from coursekit.evaluation.segmentation_probe import IoUScore, iou_difference, mean_iou, named_places, segmentation_probe
from coursekit.evaluation.shortcuts import (
    answers,
    color_rivals,
    edge_brightness,
    linear_rival,
    seam_order,
    smooth_fill,
    task_score,
    tile_brightness,
)
from coursekit.evaluation.step_costs import step_costs
from coursekit.evaluation.thin_class import thin_class
from coursekit.evaluation.view_probe import color_kept, ridge_r2
