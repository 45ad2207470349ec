"""Judging frozen features: weighted k-NN and the linear probe."""

from coursekit.evaluation.features import extract_features, raw_pixels
from coursekit.evaluation.knn import knn_accuracy, knn_predict
from coursekit.evaluation.linear_probe import ProbeResult, linear_probe

__all__ = ["ProbeResult", "extract_features", "knn_accuracy", "knn_predict", "linear_probe", "raw_pixels"]
