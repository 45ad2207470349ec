"""DINOv2: a student says of crops and of half-hidden images what a slow teacher says of the whole ones. No negatives.

Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, 2023: the class-token loss of DINO (Caron et
al., ICCV 2021), the patch loss of iBOT (Zhou et al., ICLR 2022) and KoLeo (Sablayrolles et al., ICLR 2019) together.
"""

import math

import torch
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.blockwise import check_masks, hide_blocks
from coursekit.methods.centering import Answers
from coursekit.methods.diagnostics import answer_entropy, assignment_entropy
from coursekit.methods.dino_losses import dino_loss, ibot_loss, koleo
from coursekit.methods.ema import follow, lag, teacher_of
from coursekit.methods.registry import register
from coursekit.methods.schedules import cosine, ramp
from coursekit.models import Encoder, PrototypeHead
from coursekit.views import MultiCrop, RandomView, View, ViewMaker


@register("dinov2")
class DINOv2(SSLMethod):
    """prototypes: K, 65,536 in the paper. hidden_dim, out_dim: of a head, 2048 and 256 there.

    centering: "sinkhorn" as in the paper, "center" as in DINO and iBOT, "none" for lessons. center_momentum: of the centre.
    temperature: tau_s of the student. teacher_temperature: tau_t of the teacher, rising from first_temperature in a straight
    line over this share of the run: warmup; above 1, the run ends on the way.
    momentum: of the teacher at first; it rises to 1 by a cosine. freeze: share of the run in which prototypes stay as they are.
    dino_weight, ibot_weight, koleo_weight: of the losses. Without ibot_weight any encoder will do. mask_probability, mask_share:
    so many large views are masked, and of their patches a share in this range. tied_heads: one head for both, as in iBOT.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.04, clip=3.0)  # the papers raise weight decay to 0.4 on the way
    n_views = (2, None)
    needs_tokens = True  # unless ibot_weight is 0

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        prototypes: int = 512,
        hidden_dim: int = 512,
        out_dim: int = 128,
        centering: str = "sinkhorn",
        center_momentum: float = 0.9,
        temperature: float = 0.1,
        teacher_temperature: float = 0.07,
        first_temperature: float = 0.04,
        warmup: float = 0.3,
        momentum: float = 0.992,
        freeze: float = 0.01,
        dino_weight: float = 1.0,
        ibot_weight: float = 1.0,
        koleo_weight: float = 0.1,
        mask_probability: float = 0.5,
        mask_share: tuple[float, float] = (0.1, 0.5),
        tied_heads: bool = False,
    ):
        self.needs_tokens = False  # check_masks asks, if they are needed
        super().__init__(encoder, views)
        arg.count.check(prototypes=prototypes, hidden_dim=hidden_dim, out_dim=out_dim)
        arg.rate.check(temperature=temperature, teacher_temperature=teacher_temperature)
        arg.share.check(center_momentum=center_momentum, momentum=momentum, freeze=freeze)
        arg.decay.check(warmup=warmup, dino_weight=dino_weight, ibot_weight=ibot_weight, koleo_weight=koleo_weight)
        arg.rate.check(first_temperature=first_temperature, **{"dino_weight + ibot_weight": dino_weight + ibot_weight})
        self.n_large = getattr(views, "n_large", 2)
        if ibot_weight:
            check_masks("DINOv2", encoder, views, self.n_large, mask_share, mask_probability, "ibot_weight=0")
        self.prototypes, self.hidden_dim, self.out_dim, self.tied_heads = prototypes, hidden_dim, out_dim, tied_heads
        self.centering, self.center_momentum, self.momentum = centering, center_momentum, momentum
        self.temperature, self.teacher_temperature = temperature, teacher_temperature
        self.first_temperature, self.warmup, self.freeze = first_temperature, warmup, freeze
        self.dino_weight, self.ibot_weight, self.koleo_weight = dino_weight, ibot_weight, koleo_weight
        self.mask_probability, self.mask_share = mask_probability, mask_share
        heads = [PrototypeHead(encoder.dim, prototypes, hidden_dim, out_dim) for _ in range(1 if tied_heads else 2)]
        self.heads = nn.ModuleDict({"image": heads[0], "patch": heads[-1]} if ibot_weight else {"image": heads[0]})
        self.answers = nn.ModuleDict({kind: Answers(centering, prototypes, center_momentum) for kind in self.heads})
        self.teacher = teacher_of(self.student)
        self.before_step(0.0)

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}  # DINO's
        small = RandomView(max(size // 2, 8), scale=(0.05, 0.32), **colors)
        return MultiCrop(large=RandomView(size, scale=(0.32, 1.0), solarize=0.1, **colors), small=small, n_small=4)

    @property
    def student(self) -> nn.ModuleDict:
        """All that the teacher is a copy of."""
        return nn.ModuleDict({"encoder": self.encoder, "heads": self.heads})

    def views(self, images: Tensor, draws: Draws) -> list[View]:
        views, how = super().views(images, draws), (self.encoder.stride, self.mask_share, self.mask_probability, draws)
        hidden = [hide_blocks(view, *how) for view in views[: self.n_large]] if self.ibot_weight else []
        return hidden + views[len(hidden) :]

    def before_step(self, progress: float) -> None:
        self.sharpness = ramp(progress, self.first_temperature, self.teacher_temperature, self.warmup)  # tau_t now

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        n = self.n_large
        pixels = torch.cat([view.pixels for view in views[:n]])  # the large views in one pass, as in the authors' code
        mask = torch.cat([view.mask for view in views[:n]]) if self.ibot_weight else None  # (n B, P)
        cls, patches = self.encoder.tokens(pixels, mask) if self.ibot_weight else (self.encoder(pixels), None)
        with torch.no_grad():  # from the teacher nothing is hidden, but it sees the large views alone
            teacher, heads = self.teacher["encoder"], self.teacher["heads"]
            whole, whole_patches = teacher.tokens(pixels) if self.ibot_weight else (teacher(pixels), None)
            scores = {"image": heads["image"](whole)}  # (n B, K)
            if self.ibot_weight:
                scores["patch"] = heads["patch"](whole_patches[mask])  # (hidden patches, K)
        targets = {kind: self.answers[kind](score, self.sharpness) for kind, score in scores.items()}
        guesses = [self.heads["image"](h) for h in (*cls.chunk(n), *(self.encoder(v.pixels) for v in views[n:]))]
        parts = {"dino": dino_loss(guesses, targets["image"].chunk(n), self.temperature)}
        if self.ibot_weight:
            parts["ibot"] = ibot_loss(self.heads["patch"](patches[mask]), targets["patch"], mask, self.temperature)
        parts = {name: self.gather(part[None]).mean() for name, part in parts.items()}  # processes have as many images
        h = [self.gather(part) for part in cls.chunk(n)]
        parts["koleo"] = torch.stack([koleo(part) for part in h]).sum()  # view by view: two of one image may be near
        loss = sum(getattr(self, f"{name}_weight") * part for name, part in parts.items())
        return {"loss": loss, "z": h[0].detach(), "targets": targets["image"], "scores": scores, "parts": parts}

    def after_backward(self, progress: float) -> None:
        if progress < self.freeze:
            for head in self.heads.values():
                head.prototypes.weight.grad = None

    def after_step(self, out: dict[str, Tensor], progress: float) -> None:
        for kind, scores in out["scores"].items():
            self.answers[kind].update(scores)
        follow(self.teacher, self.student, cosine(progress, self.momentum, 1.0))

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        targets, told = self.gather(out["targets"]), {name: part.item() for name, part in out["parts"].items()}
        entropy = answer_entropy(targets).item()
        told |= {"teacher_entropy": entropy, "assignment_entropy": assignment_entropy(targets).item()}
        told |= {"kl_uniform": math.log(self.prototypes) - entropy, "kl_student": told["dino"] - entropy}
        return {**told, "teacher_lag": lag(self.teacher, self.student), **super().diagnose(out)}

    def collapse_cause(self) -> str:
        if self.centering == "none":
            return "Likely cause: centering='none', so one prototype can win for all images."
        if self.teacher_temperature >= self.temperature:
            return f"Likely cause: teacher_temperature={self.teacher_temperature}, not below temperature, sharpens nothing."
        return super().collapse_cause()
