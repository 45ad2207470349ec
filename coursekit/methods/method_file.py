"""A trained method as one file of tensors, decoder and all: its settings and its encoder's description are in the header.

`export_encoder` keeps the encoder alone, which is what detectors and probes need. Here is the rest: a tokenizer is of no
use without its codes, and an MAE paints nothing without its decoder. What is read is data, never code, and is judged
before anything believes it.
"""

from pathlib import Path
from typing import Any, ClassVar, TypeVar

from coursekit.data.tensor_file import read_safetensors, write_safetensors
from coursekit.methods.registry import method_settings
from coursekit.models import Encoder, rebuild_encoder
from coursekit.runtime import CourseError, restored_random_state
from coursekit.settings import check, plain
from coursekit.views import ViewMaker

Kind = TypeVar("Kind", bound="KeptWhole")


class KeptWhole:
    """Gives a method, named first among its bases, `save` and `load`.

    header: under which name the file's header tells what it holds, so that no method takes another's file for its own.
    """

    header: ClassVar[str]

    @classmethod
    def views_again(cls, size: int, encoder: Encoder) -> ViewMaker:
        """The views of a method that was loaded: the default ones. size: side of a view, px. encoder: its own."""
        return cls.default_views(size)

    def save(self, path: str | Path) -> Path:
        """Write all that `load` needs to one .safetensors file, in float16 (computing stays float32). Returns its path.

        Raises CourseError if the encoder cannot be built by name.
        """
        spec = self.encoder.spec
        if spec is None:
            raise CourseError(
                f"{path} would not say how to build the encoder, a {type(self.encoder).__name__} that was made by hand. "
                "Build it by name: coursekit.models.build_encoder(...)."
            )
        settings = {name: plain(value) for name, value in self.settings.items() if name != "views"}
        state = {k: v.detach().cpu() for k, v in self.state_dict().items()}
        state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
        told = {"encoder": spec, "view": self.view_maker.view.size, "settings": settings}
        return write_safetensors(Path(path), state, **{self.header: told})

    @classmethod
    def load(cls: type[Kind], path: str | Path) -> Kind:
        """Read what `save` wrote: float32, on the CPU, in eval mode, without gradients, with the method's default views.

        Draws nothing from the global random state. Raises CourseError if the file is missing, damaged or holds another
        thing.
        """
        path, again = Path(path), f"Fetch it again, or write it with `{cls.__name__}.save`"
        state, told = read_safetensors(path, cls.header)
        spec, size, settings = _described(told, f"{path} was not written by `{cls.__name__}.save`", again)
        try:
            with restored_random_state():
                encoder, fitted = rebuild_encoder(spec), check(cls.__name__, method_settings(cls), settings)
                method = cls(encoder, cls.views_again(size, encoder), **fitted)
        except CourseError as error:
            raise CourseError(f"{path}: the {cls.__name__} that it describes cannot be built. {error}") from error
        own = method.state_dict()
        differ = [k for k in {**own, **state} if k not in own or k not in state or own[k].shape != state[k].shape]
        if differ:
            raise CourseError(
                f"{path} holds another network than its header describes: {len(differ)} tensors differ, the first is "
                f"{differ[0]}. {again}."
            )
        if broken := [k for k, v in state.items() if not v.isfinite().all()]:
            raise CourseError(f"{path} holds NaN or infinite numbers in {broken[0]}: its training failed. {again}.")
        method.load_state_dict(state)
        return method.requires_grad_(False).eval()


def _described(told: Any, problem: str, again: str) -> tuple[dict, int, dict]:
    """The description of the encoder, the side of a view, px, and the settings. Raises CourseError for anything else."""
    match told:
        case {
            "encoder": {"name": str(), "image_size": int(image), "options": dict()} as encoder,
            "view": int(view),
            "settings": dict(settings),
        } if min(image, view) >= 1 and True not in (image is True, view is True):
            return encoder, view, settings
    raise CourseError(f"{problem}: its header does not give an encoder, the size of a view and settings. {again}.")
