"""A trained visual tokenizer as one file of tensors: its settings and its encoder's description are in the header.

What is read is data, never code, and is judged before anything believes it.
"""

from pathlib import Path
from typing import Any, TypeVar

from coursekit.data.tensor_file import read_safetensors, write_safetensors
from coursekit.methods.base import SSLMethod
from coursekit.methods.registry import method_settings
from coursekit.models import rebuild_encoder
from coursekit.runtime import CourseError, restored_random_state
from coursekit.settings import check, plain

Tokenizer = TypeVar("Tokenizer", bound=SSLMethod)
AGAIN = "Fetch it again, or write it with `VisualTokenizer.save`"


def write_tokenizer(tokenizer: SSLMethod, path: Path) -> Path:
    """Write a tokenizer, in float16. Returns its path. Raises CourseError if its encoder cannot be built by name."""
    spec = tokenizer.encoder.spec
    if spec is None:
        raise CourseError(
            f"{path} would not say how to build the encoder, a {type(tokenizer.encoder).__name__} that was made by hand. "
            "Build it by name: coursekit.models.build_encoder('resnet_nano')."
        )
    settings = {name: plain(value) for name, value in tokenizer.settings.items() if name != "views"}
    state = {k: v.detach().cpu() for k, v in tokenizer.state_dict().items()}
    state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    told = {"encoder": spec, "view": tokenizer.view_maker.view.size, "settings": settings}
    return write_safetensors(path, state, tokenizer=told)


def read_tokenizer(kind: type[Tokenizer], path: Path) -> Tokenizer:
    """The tokenizer of a file, float32, on the CPU, in eval mode, without gradients. kind: its class.

    Draws nothing from the global random state. Raises CourseError if the file is missing, damaged or holds another thing.
    """
    state, told = read_safetensors(path, "tokenizer")
    encoder, size, settings = _described(told, path)
    try:
        with restored_random_state():
            fitted = check(kind.__name__, method_settings(kind), settings)
            tokenizer = kind(rebuild_encoder(encoder), kind.default_views(size), **fitted)
    except CourseError as error:
        raise CourseError(f"{path} describes a tokenizer that cannot be built. {error}") from error
    own = tokenizer.state_dict()
    differ = [k for k in {**own, **state} if k not in own or k not in state or own[k].shape != state[k].shape]
    if differ:
        raise CourseError(
            f"{path} holds another network than its header describes: {len(differ)} tensors differ, the first is "
            f"{differ[0]}. {AGAIN}."
        )
    if broken := [k for k, v in state.items() if not v.isfinite().all()]:
        raise CourseError(f"{path} holds NaN or infinite numbers in {broken[0]}: its training failed. {AGAIN}.")
    tokenizer.load_state_dict(state)
    return tokenizer.requires_grad_(False).eval()


def _described(told: Any, path: Path) -> tuple[dict, int, dict]:
    """The description of the encoder, the side of a view, px, and the settings. Raises CourseError for anything else."""
    match told:
        case {
            "encoder": {"name": str(), "image_size": int(image), "options": dict()} as encoder,
            "view": int(view),
            "settings": dict(settings),
        } if min(image, view) >= 1 and True not in (image is True, view is True):
            return encoder, view, settings
    raise CourseError(
        f"{path} is not the file of a visual tokenizer: its header does not give an encoder, the size of a view and "
        f"settings. {AGAIN}."
    )
