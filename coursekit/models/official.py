"""Official weights in the course's own ViT: DINOv2's ViT-S/14 and ViT-B/14, with and without registers, and MAE's ViT-B/16.

Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024; Darcet et al., Vision Transformers
Need Registers, ICLR 2024; He et al., MAE, CVPR 2022. Meta's files name the same layers differently, and each model has its own
rule for position embeddings at other image sizes than its own; both are told here, and nothing else differs.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from coursekit import runtime
from coursekit.data.downloads import checksum, download, or_else
from coursekit.files import listed
from coursekit.models.registry import build_encoder, register_encoder
from coursekit.models.vit import ViT
from coursekit.runtime import CourseError

META = "https://dl.fbaipublicfiles.com"


@dataclass(frozen=True)
class Official:
    """One file of weights. url: where Meta keeps it. size: side of the images that its position embeddings are for, px.

    sha256: of the file. md5: its first digits, for MAE, whose authors publish no more. terms: its licence.
    """

    url: str
    size: int
    sha256: str | None = None
    md5: str | None = None
    terms: str = "Apache 2.0"

    def verify(self, path: Path) -> None:
        """Raise CourseError if the file is not the one that was published."""
        kind, wanted = ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)
        found = checksum(path, kind)
        if not found.startswith(wanted):
            raise CourseError(
                f"{path} is not the file that Meta published: its {kind} is {found}, not {wanted}{'...' * (kind == 'md5')}. "
                f"It may have been cut short or changed: delete it and fetch it again from {self.url}. If these are "
                "weights of your own for the same network, say verify=False."
            )


OFFICIAL = {
    "dinov2_vits14": Official(
        f"{META}/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth",
        518,
        "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
    ),
    "dinov2_vits14_reg": Official(
        f"{META}/dinov2/dinov2_vits14/dinov2_vits14_reg4_pretrain.pth",
        518,
        "f433177089a681826f849f194ece3bb48f4d63fb38d32fc837e3dc7a4e5641fb",
    ),
    "dinov2_vitb14": Official(
        f"{META}/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth",
        518,
        "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
    ),
    "dinov2_vitb14_reg": Official(
        f"{META}/dinov2/dinov2_vitb14/dinov2_vitb14_reg4_pretrain.pth",
        518,
        "73182a088cf94833c94b1666d1c99e02fe87e2007bff57b564fb6206e25dba71",
    ),
    "mae_vitb16": Official(f"{META}/mae/pretrain/mae_pretrain_vit_base.pth", 224, md5="8cad7c", terms="CC BY-NC 4.0"),
}

NAMES = (  # theirs, as a pattern -> ours
    (r"^patch_embed\.proj\.", "patch_embed."),
    (r"\.attn\.qkv\.", ".attention.qkv."),
    (r"\.attn\.proj\.", ".attention.out."),
    (r"\.ls([12])\.gamma$", r".scale\1.gamma"),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.2."),
)
TRAINED_ELSEWHERE = {"mask_token"}  # a token that MAE's encoder never had


def load(name: str, weights: str | Path | None = None, verify: bool = True) -> ViT:
    """The course's ViT with official weights, in eval mode.

    name: one of `OFFICIAL`; its position embeddings fit images of 518 px (DINOv2) or 224 px (MAE), and others by the
    authors' own rule: every size whose sides are multiples of the patch, 14 or 16 px.
    weights: the file, if it is here already, .pth as published or .safetensors with the same names. By default it is
    downloaded once (88 or 346 MB) into the course's folder.
    verify: whether the file has to be the published one, by its checksum.

    Raises CourseError: an unknown name, no network, a file that is damaged or changed, weights of another network (which
    tensors, which shapes). Nothing in the file is executed.
    """
    if name not in OFFICIAL:
        raise CourseError(f"There are no official weights {name!r}. Choose one of: {', '.join(OFFICIAL)}.")
    official = OFFICIAL[name]
    if weights is None:
        path = runtime.home() / "weights" / official.url.rsplit("/", 1)[-1]
        with or_else(f"A file that you have already: load({name!r}, weights=PATH)."):
            download(official.url, path, sha256=official.sha256)
    else:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise CourseError(f"{path} is not there. Without weights= the file is fetched from {official.url}.")
    if verify:
        official.verify(path)
    encoder = build_encoder(name, image_size=official.size)
    _fill(encoder, renamed(read_tensors(path)), path)
    return encoder.eval()


def load_if_there(name: str, fetch: bool = False) -> ViT | None:
    """As `load`, for a lesson that goes on without: None, and a printed line that says why, if the weights are not here.

    fetch: download them if they are not. Raises CourseError for an unknown name, and for a file that is not the published one.
    """
    here = name not in OFFICIAL or (runtime.home() / "weights" / OFFICIAL[name].url.rsplit("/", 1)[-1]).exists()
    if here or (fetch and not runtime.offline()):
        try:
            return load(name)
        except CourseError:
            if here:
                raise
    why = (
        "COURSEKIT_OFFLINE is set"
        if runtime.offline()
        else "the network did not bring them"
        if fetch
        else "fetch=False"
    )
    print(f"The official weights {name} are not here ({why}): the lesson goes on without them.")
    return None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth or .safetensors file, by name. Raises CourseError for a file that holds anything else."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)  # data alone: no pickled code is run
    except Exception as error:  # pickle raises what it likes on damaged bytes
        raise _unreadable(path, error) from error
    if isinstance(found, dict) and isinstance(found.get("model"), dict):  # as MAE's file nests it
        found = found["model"]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise CourseError(f"{path} holds no tensors by name, so it is not a file of weights.")
    return found


def _unreadable(path: Path, error: Exception) -> CourseError:
    why = " ".join(str(error).split())[:200] or type(error).__name__
    return CourseError(
        f"{path} cannot be read as a file of weights: {why}. It may have been cut short: fetch it again."
    )


def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Meta's names -> the names in the course's ViT."""
    found = {}
    for name, tensor in tensors.items():
        for pattern, ours in NAMES:
            name = re.sub(pattern, ours, name)
        found[name] = tensor[None] if name == "mask_token" and tensor.ndim == 2 else tensor
    return found


def _fill(encoder: ViT, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy all tensors in, or raise CourseError with those that are missing, unknown, or of another shape."""
    own = encoder.state_dict()
    missing, unknown = own.keys() - tensors.keys() - TRAINED_ELSEWHERE, tensors.keys() - own.keys()
    missing, unknown = (
        sorted(names, key=lambda name: (name.startswith("blocks."), name)) for names in (missing, unknown)
    )
    shapes = [
        f"{name} is {tuple(tensors[name].shape)} in the file and {tuple(own[name].shape)} in the network"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    problems = [f"{len(missing)} tensors are missing: {', '.join(missing[:4])}"] if missing else []
    problems += [f"{len(unknown)} tensors have no place: {', '.join(unknown[:4])}"] if unknown else []
    problems += shapes[:4] + ([f"and {len(shapes) - 4} more of other shapes"] if len(shapes) > 4 else [])
    if problems:
        raise CourseError(f"{path} holds the weights of another network than {encoder.spec['name']}:{listed(problems)}")
    encoder.load_state_dict(tensors, strict=False)


_S14 = {"patch_size": 14, "dim": 384, "depth": 12, "heads": 6, "layer_scale": 1e-5}
_B14 = {**_S14, "dim": 768, "heads": 12}
_OFFSET = {"position_offset": 0.1, "position_antialias": False}  # DINOv2's rule; with registers it is the course's own
register_encoder("dinov2_vits14", ViT, **_S14, **_OFFSET)
register_encoder("dinov2_vitb14", ViT, **_B14, **_OFFSET)
register_encoder("dinov2_vits14_reg", ViT, **_S14, registers=4)
register_encoder("dinov2_vitb14_reg", ViT, **_B14, registers=4)
register_encoder("mae_vitb16", ViT, patch_size=16, dim=768, depth=12, heads=12, position_antialias=False)
