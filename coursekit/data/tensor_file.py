"""Tensors in one .safetensors file, with what is known about them and a checksum: image sets, encoders and detectors."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from coursekit import __version__
from coursekit.files import write_atomically
from coursekit.runtime import CourseError


def checksum(contents: Any) -> str:
    """A hash of nested dicts and lists of tensors and plain values: names, shapes, types and every byte."""
    digest = hashlib.blake2b(digest_size=16)

    def add(value: Any) -> None:
        if isinstance(value, Tensor):
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        elif isinstance(value, dict):
            digest.update(f"dict{len(value)}".encode())
            for key in sorted(value, key=repr):
                digest.update(repr(key).encode())
                add(value[key])
        elif isinstance(value, (list, tuple)):
            digest.update(f"list{len(value)}".encode())
            for part in value:
                add(part)
        else:
            digest.update(repr(value).encode())

    add(contents)
    return digest.hexdigest()


def write_safetensors(path: Path, state: dict[str, Tensor], **about: Any) -> Path:
    """Write tensors with what is known about them, as JSON in the header, and a checksum; atomically. Returns path."""
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    header = {name: json.dumps(value) for name, value in about.items()}
    header |= {"coursekit": __version__, "checksum": checksum(state)}
    write_atomically(path, lambda file: file.write(safetensors_bytes(state, metadata=header)))
    return path


def read_safetensors(path: Path, about: str) -> tuple[dict[str, Tensor], Any]:
    """Tensors of a .safetensors file, half precision as float32, and what its header tells under `about`, else None.

    Raises CourseError for a file that is missing, cut, damaged, or of another kind.
    """
    if not path.is_file():
        raise CourseError(f"There is no file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            told = json.loads(header.get(about, "null"))
            state = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, ValueError, OSError, RecursionError) as error:
        raise CourseError(f"{path} cannot be read as safetensors: {error}. Fetch or export it again.") from error
    if header.get("checksum") not in (None, checksum(state)):
        raise CourseError(f"{path} is damaged: its tensors do not have the checksum in its header. Fetch it again.")
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in state.items()}, told
