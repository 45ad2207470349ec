"""Checkpoints: a run that was killed goes on, and an encoder that was trained can be used.

A run is a folder with `checkpoint.pt` (everything that training needs, plain tensors and numbers, so that it loads with
weights_only=True) and `history.csv`. An exported encoder is one `.safetensors` file with its recipe in the header.
"""

import json
import pickle
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

import coursekit
from coursekit.files import write_atomically
from coursekit.models import Encoder, build_encoder
from coursekit.runtime import CourseError
from coursekit.training.history import History

FORMAT = "coursekit-run-1"
CHECKPOINT = "checkpoint.pt"
ENCODER_KEY = "encoder."
KEYS = ("step", "recipe", "encoder", "state", "optimizer", "scaler", "history")  # of every checkpoint


def save_run(folder: str | Path, contents: dict) -> None:
    """Write a run's checkpoint and its history, atomically. contents: what `load_run` returns."""
    folder = Path(folder)
    write_atomically(folder / CHECKPOINT, lambda file: torch.save({"format": FORMAT, **contents}, file))
    History(contents["history"]).save_csv(folder / "history.csv")


def load_run(run: str | Path) -> dict:
    """Everything in a checkpoint. run: the run's folder or its checkpoint.pt.

    -> {"step": steps done, "recipe": the settings, "encoder": how it was built, "state": tensors of the whole method,
    "optimizer", "scaler", "history": rows, "coursekit": version}. Raises CourseError, naming the file, where there is
    none or it is something else.
    """
    path = Path(run)
    path = path / CHECKPOINT if path.is_dir() else path
    if not path.is_file():
        raise CourseError(
            f"There is no checkpoint at {path}. A run is the folder that `coursekit pretrain --out` wrote."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that torch did not write; the error below says it better
            contents = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise CourseError(f"{path} may not be read: {error.strerror}. Ask its owner, or `chmod u+r` it.") from error
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        LookupError,
        OSError,
        AttributeError,
        TypeError,
    ) as error:
        raise CourseError(
            f"{path} cannot be read as a checkpoint of coursekit: it is damaged, or another kind of file, "
            f"and nothing in it was run ({type(error).__name__}). Point to a folder that `coursekit pretrain "
            "--out` wrote."
        ) from error
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise CourseError(
            f"{path} is a PyTorch file, but no run of coursekit. Point to a folder that `coursekit pretrain "
            "--out` wrote, or to an exported .safetensors encoder."
        )
    if lost := [key for key in KEYS if key not in contents]:
        raise CourseError(
            f"{path} lacks {', '.join(lost)}: it was not written by this coursekit. Start a new run in another folder."
        )
    return contents


def load_encoder(source: str | Path, encoder: Encoder | None = None) -> Encoder:
    """The trained encoder of a run, on the CPU in eval mode.

    source: a run's folder, its checkpoint.pt, or an exported .safetensors file. encoder: where to load into; without
    it, one is built as the run says. Raises CourseError where the weights belong to another network.
    """
    path = Path(source)
    if path.suffix == ".safetensors":
        state, spec = read_safetensors(path, "encoder")
    else:
        run = load_run(path)
        spec = run["encoder"]
        state = {
            name[len(ENCODER_KEY) :]: value for name, value in run["state"].items() if name.startswith(ENCODER_KEY)
        }
    if encoder is None:
        if not isinstance(spec, dict) or not {"name", "image_size", "options"} <= spec.keys():
            raise CourseError(
                f"{path} does not say how its encoder was built, because it was not made by build_encoder. "
                "Build the same network and pass it: load_encoder(path, encoder=...)."
            )
        encoder = build_encoder(spec["name"], image_size=spec["image_size"], **spec["options"])
    fit_state(encoder, state, str(path), spec)
    return encoder.eval()


def fit_state(module: torch.nn.Module, state: dict[str, Tensor], where: str, spec: dict | None = None) -> None:
    """load_state_dict that explains itself: every tensor must match by name and shape, or CourseError says which does not."""
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
    module.load_state_dict(state)


def export_encoder(run: str | Path, to: str | Path, half: bool = True) -> Path:
    """Write only the encoder of a run as .safetensors, small enough to share. half: store float16 (computing stays float32)."""
    contents = load_run(run)
    state = {k[len(ENCODER_KEY) :]: v for k, v in contents["state"].items() if k.startswith(ENCODER_KEY)}
    state = {k: (v.half() if half and v.dtype == torch.float32 else v).contiguous() for k, v in state.items()}
    header = {
        "encoder": json.dumps(contents["encoder"]),
        "recipe": json.dumps(contents["recipe"]),
        "step": str(contents["step"]),
        "coursekit": coursekit.__version__,
    }
    to = Path(to)
    write_atomically(to, lambda file: file.write(safetensors_bytes(state, metadata=header)))
    return to


def read_safetensors(path: Path, about: str) -> tuple[dict[str, Tensor], dict | None]:
    """Tensors of a .safetensors file, half precision as float32, and what its header tells under `about`, else None.

    Raises CourseError for a file that is missing, cut or of another kind.
    """
    if not path.is_file():
        raise CourseError(f"There is no file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            spec = json.loads((file.metadata() or {}).get(about, "null"))
            state = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, ValueError, OSError) as error:
        raise CourseError(f"{path} cannot be read as safetensors: {error}. Fetch or export it again.") from error
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in state.items()}, spec
