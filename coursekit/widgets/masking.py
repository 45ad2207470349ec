"""The widget of lesson 08: how much is hidden, and in which shape, with what a trained MAE paints beside it."""

import torch
from torch import Tensor

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.figures.live import LiveFigure
from coursekit.figures.masking import MaskingPicture
from coursekit.methods.mae import MAE
from coursekit.methods.masked_patches import HiddenPatches, masked_error
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.patches import patch_statistics, patchify, unpatchify
from coursekit.runtime import CourseError
from coursekit.views import RandomView
from coursekit.widgets.explorer import Explorer, button, checkbox, only_made, slider


def masking_explorer(mae: MAE, images: Tensor, share: float = 0.75, blocks: bool = False) -> Explorer:
    """Reconstructions with sliders for the image and the share that is hidden, patch by patch or in blocks.

    Beside them each hidden patch in its own mean: that much a reconstruction is told when it is de-normalised.

    mae: trained, on the CPU, in eval mode. images: uint8 (N, 3, H, W), shown whole at the size of its views. share: of the
    patches, 0.1 to 0.9. blocks: hidden in rectangles at first. Raises CourseError for other images, and for another share.
    """
    images = torch.as_tensor(images)
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8 or not len(images):
        raise CourseError(
            f"masking_explorer shows images, uint8 (N, 3, H, W), not {images.dtype} {tuple(images.shape)}. "
            "A single one: image[None]."
        )
    if not isinstance(mae, MAE):
        raise CourseError(f"masking_explorer needs an MAE with its decoder, not {type(mae).__name__}: MAE.load(path).")
    arg.share.check(share=share)
    if not 0.1 <= share <= 0.9:
        raise CourseError(f"masking_explorer hides between 10 % and 90 % of the patches, not {share:.0%}.")
    size, patch = mae.view_maker.view.size, mae.encoder.stride
    whole = RandomView(size, scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0, jitter=0.0, grayscale=0.0, blur=0.0)

    def painted(image, share, blocks, seed) -> tuple:
        (view,) = (HiddenBlocks if blocks else HiddenPatches)(whole, patch, share)(images[image][None], Draws(seed))
        truth = patchify(view.target, patch)
        flat = torch.where(view.mask[:, :, None], patch_statistics(truth)[0], truth)
        answers = mae.reconstruct(view), unpatchify(flat, patch)
        errors = tuple(masked_error(answer, view.target, view.mask).item() for answer in answers)
        pictures = (view.pixels, *answers, view.target)
        how = "in blocks" if blocks else "one by one"
        told = f"Image {image}, with {int(view.mask.sum())} of {view.mask.shape[1]} patches hidden {how}, share {share:.2g}."
        return [picture[0] for picture in pictures], errors, told

    def draw(**values) -> tuple[bytes, str]:
        return live.draw(*painted(**values))

    first = {"image": 0, "share": share, "blocks": blocks, "seed": 0}
    live = LiveFigure(MaskingPicture(*painted(**first)))
    controls = {
        "image": slider("image", 0, 0, len(images) - 1, 1, "IntSlider", "d"),
        "share": slider("share hidden", share, 0.1, 0.9),
        "blocks": checkbox("hide in blocks", blocks),
        "seed": button("new draw"),
    }
    return Explorer(draw, first, only_made(controls), "Masking explorer", live.size)
