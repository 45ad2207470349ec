"""Networks: `build_encoder(name)` and the heads that sit on an encoder during training."""

from coursekit.models import pretrained as _pretrained  # each import adds its encoders to the registry
from coursekit.models.encoder import Encoder
from coursekit.models.heads import PatchPainter, ProjectionHead
from coursekit.models.prototypes import PrototypeHead
from coursekit.models.registry import build_encoder, encoder_names, rebuild_encoder, register_encoder
from coursekit.models.resnet import ResNet
from coursekit.models.vit import ViT

__all__ = [
    "Encoder",
    "PatchPainter",
    "ProjectionHead",
    "PrototypeHead",
    "ResNet",
    "ViT",
    "build_encoder",
    "encoder_names",
    "rebuild_encoder",
    "register_encoder",
]
