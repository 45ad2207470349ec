"""One training step of each method, ours against lightly's parts: the same encoder (resnet_nano, or vit_micro for methods
that need tokens; views of 32 px), the same batch of 128 images, as many views, heads of the same sizes, AdamW, float32, the same machine.

lightly's side is the plain loop of its examples, with its losses, heads, memory bank, `update_momentum` and transforms;
ours is `training_step`, as `pretrain` calls it. Measured twice: with views that were made beforehand, and from images to
the finished step, for which lightly has PIL images and a DataLoader with two workers. Rounds alternate, so that a noisy
neighbour meets both; the ratio of each round is what counts. lightly has no pretext tasks: there ours stands alone.
"""

import copy
import statistics
import time

import torch
import torch.nn.functional as F
from lightly import loss as losses
from lightly import transforms
from lightly.models.modules import heads
from lightly.models.utils import update_momentum
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_pil_image

from coursekit.draws import Draws
from coursekit.methods import build_method, method_class, method_names
from coursekit.models import build_encoder
from coursekit.training.loop import launch, parameter_groups
from coursekit.training.step import training_step

BATCH, SIZE, SMALL, IMAGE = 128, 32, 16, 48  # images; px of a view, a small one and an image
STEPS, ROUNDS, BATCHES, VIEW_ROUNDS = 4, 7, 4, 5  # steps of a round, rounds; the same from images on
LR, DECAY = 1e-3, 0.05


def encoder(with_tokens: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return build_encoder("vit_micro" if with_tokens else "resnet_nano", image_size=SIZE)


class Theirs(nn.Module):
    """A method put together from lightly's parts. `of`: ours, whose sizes and settings it takes."""

    def __init__(self, of):
        super().__init__()
        self.encoder = encoder()
        self.build(of, self.encoder.dim)
        self.optimizer = torch.optim.AdamW([p for p in self.parameters() if p.requires_grad], lr=LR, weight_decay=DECAY)

    def step(self, views: list[Tensor]) -> None:
        self.before_step()
        loss = self.loss(views)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def before_step(self) -> None:
        """lightly's examples move the teacher here, before the forward pass."""

    def with_teacher(self, momentum: float) -> None:
        self.momentum = momentum
        self.teacher = copy.deepcopy(nn.Sequential(self.encoder, self.head)).requires_grad_(False)

    def follow(self) -> None:
        update_momentum(self.encoder, self.teacher[0], self.momentum)
        update_momentum(self.head, self.teacher[1], self.momentum)


class SimCLR(Theirs):
    transform = transforms.SimCLRTransform(input_size=SIZE)

    def build(self, of, dim):
        self.head = heads.SimCLRProjectionHead(dim, dim, of.out_dim)
        self.criterion = losses.NTXentLoss(of.temperature)

    def loss(self, views):
        return self.criterion(*(self.head(self.encoder(view)) for view in views))


class MoCo(Theirs):
    transform = transforms.MoCoV2Transform(input_size=SIZE)

    def build(self, of, dim):
        self.head = heads.MoCoProjectionHead(dim, dim, of.out_dim)
        self.criterion = losses.NTXentLoss(of.temperature, memory_bank_size=(of.queue_size, of.out_dim))
        self.with_teacher(of.momentum)

    def before_step(self):
        self.follow()

    def direction(self, query, key):
        with torch.no_grad():
            key = self.teacher(key)
        return self.criterion(self.head(self.encoder(query)), key)

    def loss(self, views):  # symmetric, as in lightly's benchmarks, and as ours is
        return (self.direction(*views) + self.direction(*views[::-1])) / 2


class BYOL(Theirs):
    transform = transforms.BYOLTransform(
        transforms.BYOLView1Transform(input_size=SIZE), transforms.BYOLView2Transform(input_size=SIZE)
    )

    def build(self, of, dim):
        self.head = heads.BYOLProjectionHead(dim, of.hidden_dim, of.out_dim)
        self.predict = heads.BYOLPredictionHead(of.out_dim, of.hidden_dim, of.out_dim)
        self.criterion = losses.NegativeCosineSimilarity()
        self.with_teacher(of.momentum)

    def before_step(self):
        self.follow()

    def loss(self, views):
        p = [self.predict(self.head(self.encoder(view))) for view in views]
        with torch.no_grad():
            z = [self.teacher(view) for view in views]
        return (self.criterion(p[0], z[1]) + self.criterion(p[1], z[0])) / 2


class SimSiam(Theirs):
    transform = transforms.SimSiamTransform(input_size=SIZE)

    def build(self, of, dim):
        self.head = heads.SimSiamProjectionHead(dim, of.out_dim, of.out_dim)
        self.predict = heads.SimSiamPredictionHead(of.out_dim, of.hidden_dim, of.out_dim)
        self.criterion = losses.NegativeCosineSimilarity()

    def loss(self, views):
        z = [self.head(self.encoder(view)) for view in views]
        p = [self.predict(part) for part in z]
        return (self.criterion(p[0], z[1].detach()) + self.criterion(p[1], z[0].detach())) / 2


class SwAV(Theirs):
    transform = transforms.SwaVTransform(crop_sizes=(SIZE, SMALL), crop_counts=(2, 4))

    def build(self, of, dim):
        self.head = heads.SwaVProjectionHead(dim, dim, of.out_dim)
        self.prototypes = heads.SwaVPrototypes(of.out_dim, of.prototypes)
        self.criterion = losses.SwaVLoss(of.temperature, of.iterations, of.epsilon)

    def loss(self, views):
        self.prototypes.normalize()
        scores = [self.prototypes(F.normalize(self.head(self.encoder(view)), dim=1)) for view in views]
        return self.criterion(scores[:2], scores[2:])


class LeJEPA(Theirs):
    transform = SwAV.transform  # lightly has none of its own; these make as many views of the same sizes

    def build(self, of, dim):
        self.head = heads.LeJEPAProjectionHead(dim, of.projector.layers[0].out_features, of.out_dim)
        # its integral: 9 points from 0 to 5, as ours
        self.criterion = losses.LeJEPALoss(
            of.weight, sigreg_knots=9, sigreg_t_max=5.0, sigreg_num_vectors=of.directions
        )

    def loss(self, views):
        z = [self.head(self.encoder(view)) for view in views]
        return self.criterion(global_proj=torch.stack(z[:2]), local_proj=torch.stack(z[2:]))


THEIRS = {kind.__name__.lower(): kind for kind in (SimCLR, MoCo, SwAV, BYOL, SimSiam, LeJEPA)}


class Ours:
    """A method in the step that `pretrain` takes."""

    def __init__(self, name: str, fabric):
        kind = method_class(name)
        self.method = build_method(name, encoder(kind.needs_tokens), kind.default_views(SIZE))
        self.make, self.fabric, self.steps = self.method.views, fabric, 0
        optimizer = torch.optim.AdamW(parameter_groups(self.method, DECAY), lr=LR)
        self.wrapped, self.optimizer = fabric.setup(self.method, optimizer)

    def step(self, images: Tensor, views=None) -> None:
        self.steps += 1
        self.method.views = self.make if views is None else lambda images, draws: views
        draws = Draws(0, self.steps)
        training_step(self.method, self.wrapped, self.optimizer, self.fabric, images, draws, progress=0.5)


class Pictures(Dataset):
    """PIL images, as a folder dataset hands them on once they are decoded (decoding is not timed for either)."""

    def __init__(self, images: Tensor, transform):
        self.pictures, self.transform = [to_pil_image(image) for image in images], transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int):
        return self.transform(self.pictures[index])


def milliseconds(work, steps: int) -> float:
    """Of one of so many steps."""
    clock = time.perf_counter()
    work()
    return (time.perf_counter() - clock) / steps * 1000


def told(ours: list[float], theirs: list[float]) -> str:
    """Medians in ms, and how many times as long lightly takes, with the range over the rounds."""
    if not theirs:
        return f"{statistics.median(ours):7.1f}       -{'':24}"
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    times = f"{statistics.median(ours):7.1f} {statistics.median(theirs):7.1f}"
    return f"{times}   {statistics.median(ratios):5.2f} ({ratios[0]:5.2f} to {ratios[-1]:5.2f})"


def trained(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def compare(name: str, fabric, images: Tensor) -> str:
    """One method's line."""
    ours = Ours(name, fabric)
    theirs = THEIRS[name](ours.method) if name in THEIRS else None
    if theirs is not None and not 0.99 < trained(theirs) / trained(ours.method) < 1.01:
        raise ValueError(f"{name}: the two networks differ, {trained(ours.method)} and {trained(theirs)} numbers")
    batches = images.split(BATCH)
    views = ours.make(batches[0], Draws(0))
    pixels = [view.pixels for view in views]
    work = {"ours": lambda: [ours.step(batches[0], views) for _ in range(STEPS)]}
    everything = {"ours": lambda: [ours.step(batch) for batch in batches]}
    if theirs is not None:
        loader = DataLoader(Pictures(images, theirs.transform), BATCH, num_workers=2, persistent_workers=True)
        work["theirs"] = lambda: [theirs.step(pixels) for _ in range(STEPS)]
        everything["theirs"] = lambda: [theirs.step(made) for made in loader]
    columns = []
    for kinds, steps, rounds in ((work, STEPS, ROUNDS), (everything, BATCHES, VIEW_ROUNDS)):
        times = {"ours": [], "theirs": []}
        for kind in kinds.values():  # warm the caches, start the workers
            kind()
        for _ in range(rounds):
            for who, kind in kinds.items():
                times[who].append(milliseconds(kind, steps))
        columns.append(told(**times))
    return f"  {name:<14} {columns[0]}   {columns[1]}"


def main() -> None:
    """Print a line for each method."""
    fabric = launch("cpu", "32-true")
    shape = (BATCHES * BATCH, 3, IMAGE, IMAGE)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    print(
        f"one step of {BATCH} images of {IMAGE} px, views of {SIZE} px (small ones {SMALL}), resnet_nano, float32, "
        f"{torch.get_num_threads()} threads, {ROUNDS} and {VIEW_ROUNDS} alternating rounds; lightly's time over ours"
    )
    print(f"  {'':<14} {'views made beforehand, ms':<40}   from images to the step, ms")
    print(f"  {'':<14} {'   ours lightly   ratio (range)':<40}      ours lightly   ratio (range)")
    for name in sorted(method_names(), key=lambda name: (name not in THEIRS, name)):
        print(compare(name, fabric, images), flush=True)


if __name__ == "__main__":
    main()
