"""Checkpoints: a run that was killed goes on, and an encoder that was trained can be used.

A run is a folder with `checkpoint.pt` (everything that training needs, plain tensors and numbers, so that it loads with
weights_only=True) and `history.csv`. An exported encoder is one `.safetensors` file with its recipe in the header. Both
carry a checksum, and what is read is compared with its shape once, here.
"""

import warnings
from pathlib import Path

import torch
from torch import Tensor

from coursekit.data.tensor_file import checksum, read_safetensors, write_safetensors
from coursekit.files import write_atomically
from coursekit.models import Encoder, rebuild_encoder
from coursekit.runtime import CourseError
from coursekit.training.history import History
from coursekit.training.shape import misshapen_run, misshapen_spec

FORMAT = "coursekit-run-2"
CHECKPOINT = "checkpoint.pt"
ENCODER_KEY = "encoder."
AGAIN = "Point to a folder that `coursekit pretrain --out` wrote"


def save_run(folder: str | Path, contents: dict) -> None:
    """Write a run's checkpoint and its history, atomically. contents: what `load_run` returns."""
    folder = Path(folder)
    contents = {"format": FORMAT, "checksum": checksum(contents), **contents}
    write_atomically(folder / CHECKPOINT, lambda file: torch.save(contents, file))
    History(contents["history"]).save_csv(folder / "history.csv")


def load_run(run: str | Path) -> dict:
    """Everything in a checkpoint. run: the run's folder or its checkpoint.pt.

    -> {"step": steps done, "recipe": the settings, "encoder": how it was built, "state": tensors of the whole method,
    "optimizer", "scaler", "history": rows, "coursekit": version}. Raises CourseError, naming the file, if there is
    none, if it is something else, or if it is damaged.
    """
    path = Path(run)
    path = path / CHECKPOINT if path.is_dir() else path
    if not path.is_file():
        raise CourseError(f"There is no checkpoint at {path}. {AGAIN}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that torch did not write; the error below says it better
            contents = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise CourseError(f"{path} may not be read: {error.strerror}. Ask its owner, or `chmod u+r` it.") from error
    except Exception as error:  # bytes that are something else raise anything
        kind = f"it is damaged, or another kind of file, and nothing in it was run ({type(error).__name__})"
        raise CourseError(f"{path} cannot be read as a checkpoint of coursekit: {kind}. {AGAIN}.") from error
    if not isinstance(contents, dict) or not str(contents.get("format")).startswith("coursekit-run-"):
        other = f"{AGAIN}, or to an exported .safetensors encoder"
        raise CourseError(f"{path} is a PyTorch file, but not a run of coursekit. {other}.")
    told, form, anew = contents.pop("checksum", None), contents.pop("format"), "Start a new run in another folder"
    if form != FORMAT:
        version = f"coursekit {contents.get('coursekit')}, which kept runs in another way"
        raise CourseError(f"{path} was written by {version}. {anew}; this one was left as it is.")
    if problem := misshapen_run(contents):
        raise CourseError(f"{path}: {problem}. It was not written by this coursekit. {anew}.")
    if told != checksum(contents):
        differ = "its tensors do not have the checksum that it was written with"
        raise CourseError(f"{path} is damaged: {differ}. Copy it here again. {anew}, if it is lost.")
    return contents


def _encoder_state(run: dict) -> dict[str, Tensor]:
    """The tensors of a run's encoder, by their names in it."""
    return {name[len(ENCODER_KEY) :]: v for name, v in run["state"].items() if name.startswith(ENCODER_KEY)}


def load_encoder(source: str | Path, encoder: Encoder | None = None) -> Encoder:
    """The trained encoder of a run, on the CPU in eval mode.

    source: a run's folder, its checkpoint.pt, or an exported .safetensors file. encoder: what to load into; without it,
    one is built as the file says. Nothing is fetched, whatever the file says. Raises CourseError if the weights belong
    to another network, are damaged, or hold NaN.
    """
    path = Path(source)
    if path.suffix == ".safetensors":
        state, spec = read_safetensors(path, "encoder")
        if problem := misshapen_spec(spec):
            raise CourseError(f"{path}: {problem}. It was not written by `export_encoder`.")
    else:
        run = load_run(path)
        state, spec = _encoder_state(run), run["encoder"]
    if encoder is None:
        if spec is None:
            why = "does not say how its encoder was built, because it was not made by build_encoder"
            raise CourseError(f"{path} {why}. Build the same network and pass it: load_encoder(path, encoder=...).")
        try:
            encoder = rebuild_encoder(spec)
        except CourseError as error:
            raise CourseError(f"{path} describes an encoder that cannot be built. {error}") from error
    fit_state(encoder, state, str(path), spec)
    return encoder.eval()


def fit_state(module: torch.nn.Module, state: dict[str, Tensor], where: str, spec: dict | None = None) -> None:
    """load_state_dict that explains itself.

    module: what to load into. state: tensors by name. where: the file, for messages. spec: how the file's encoder was
    built. Raises CourseError, with nothing loaded, unless every tensor matches by name and shape and is finite.
    """
    own = module.state_dict()
    missing, unknown = [k for k in own if k not in state], [k for k in state if k not in own]
    shapes = [k for k in own if k in state and own[k].shape != state[k].shape]
    if missing or unknown or shapes:
        detail = [f"{k}: file {tuple(state[k].shape)}, here {tuple(own[k].shape)}" for k in shapes[:2]]
        detail += [f"{k}: not in the file" for k in missing[:2]] + [f"{k}: not in this network" for k in unknown[:2]]
        made = f" The file holds {spec['name']!r} for {spec['image_size']} px." if spec else ""
        raise CourseError(
            f"{where} belongs to another network than this {type(module).__name__}: {len(shapes)} tensors have other "
            f"shapes, {len(missing)} are missing, {len(unknown)} are unknown ({'; '.join(detail)}).{made} "
            "Build the same encoder, or start a new run in another folder."
        )
    broken = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if broken:
        what = f"NaN or infinite numbers in {len(broken)} of {len(state)} tensors, the first is {broken[0]}"
        way_out = "Go back to an earlier run, or train again with a smaller learning rate."
        raise CourseError(f"{where} holds {what}: its training failed. {way_out}")
    module.load_state_dict(state)


def export_encoder(run: str | Path, to: str | Path, half: bool = True) -> Path:
    """Write only the encoder of a run as .safetensors, small enough to share. half: store float16 (computing stays float32)."""
    contents = load_run(run)
    state = _encoder_state(contents)
    state = {k: v.half() if half and v.dtype == torch.float32 else v for k, v in state.items()}
    about = {"recipe": contents["recipe"], "step": contents["step"]}
    return write_safetensors(Path(to), state, encoder=contents["encoder"], **about)
