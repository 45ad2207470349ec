"""Self-supervised methods, one short file each; a file registers its method by name."""

from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.beit import BEiT, masked_token_loss
from coursekit.methods.byol import BYOL, cosine_regression
from coursekit.methods.dino_losses import dino_loss, ibot_loss, koleo
from coursekit.methods.dinov2 import DINOv2
from coursekit.methods.distill import Distill
from coursekit.methods.lejepa import LeJEPA, agreement, sigreg
from coursekit.methods.mae import MAE, masked_patch_error
from coursekit.methods.masked_patches import HiddenPatches, masked_error
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.moco import MoCo, info_nce_with_queue
from coursekit.methods.patch_contrast import PatchContrast, patch_info_nce
from coursekit.methods.region_contrast import RegionContrast
from coursekit.methods.registry import build_method, method_class, method_names, register
from coursekit.methods.simclr import SimCLR, info_nce
from coursekit.methods.simsiam import SimSiam, negative_cosine
from coursekit.methods.sinkhorn import sinkhorn
from coursekit.methods.swav import SwAV, swapped_prediction
from coursekit.methods.visual_tokenizer import VisualTokenizer

__all__ = [
    "BEiT",
    "BYOL",
    "DINOv2",
    "Defaults",
    "Distill",
    "HiddenBlocks",
    "HiddenPatches",
    "LeJEPA",
    "MAE",
    "MoCo",
    "PatchContrast",
    "RegionContrast",
    "SSLMethod",
    "SimCLR",
    "SimSiam",
    "SwAV",
    "VisualTokenizer",
    "agreement",
    "build_method",
    "cosine_regression",
    "dino_loss",
    "ibot_loss",
    "info_nce",
    "info_nce_with_queue",
    "koleo",
    "masked_error",
    "masked_patch_error",
    "masked_token_loss",
    "method_class",
    "method_names",
    "negative_cosine",
    "patch_info_nce",
    "register",
    "sigreg",
    "sinkhorn",
    "swapped_prediction",
]
