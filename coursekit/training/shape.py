"""What a file must look like before anything else believes it: checksums, and the shape of runs and headers."""

import hashlib
from typing import Any

import torch
from torch import Tensor


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


def misshapen_spec(spec: Any) -> str | None:
    """What is wrong with the description of an encoder, None if nothing is. An encoder made by hand has none: None."""
    if spec is None:
        return None
    wanted = {"name": str, "image_size": int, "options": dict}
    if not isinstance(spec, dict) or not all(isinstance(spec.get(key), kind) for key, kind in wanted.items()):
        return "its description of the encoder is not name, image size and options"
    if (
        isinstance(spec["image_size"], bool)
        or spec["image_size"] < 1
        or not all(isinstance(k, str) for k in spec["options"])
    ):
        return f"its encoder has an image size of {spec['image_size']} and the options {spec['options']}"
    return None


def misshapen_run(contents: dict) -> str | None:
    """What is wrong with the contents of a checkpoint, None if nothing is."""
    kinds = {"step": int, "recipe": dict, "state": dict, "optimizer": dict, "scaler": dict, "history": list}
    if lost := [key for key in (*kinds, "encoder") if key not in contents]:
        return f"it lacks {', '.join(lost)}"
    if wrong := [key for key, kind in kinds.items() if not isinstance(contents[key], kind)]:
        return f"{wrong[0]} is of the type {type(contents[wrong[0]]).__name__}, not {kinds[wrong[0]].__name__}"
    if not 0 < contents["step"] <= _number(contents["recipe"].get("steps")):
        return f"it says that {contents['step']} of {contents['recipe'].get('steps')} steps are done"
    if strange := [name for name, value in contents["state"].items() if not isinstance(value, Tensor)]:
        return f"{strange[0]} in its state is not a tensor"
    for row in contents["history"]:
        if not isinstance(row, dict) or not {"step", "loss"} <= row.keys():
            return "a row of its history has no step or no loss"
        if strange := [
            k for k, v in row.items() if not isinstance(k, str) or not isinstance(v, (int, float, type(None)))
        ]:
            return f"{strange[0]!r} in its history is not a number"
    return misshapen_spec(contents["encoder"])


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
