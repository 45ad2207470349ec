"""What a run and a header must look like before anything else believes them."""

from typing import Any

from torch import Tensor


def misshapen_spec(spec: Any) -> str | None:
    """What is wrong with the description of an encoder, None if nothing is. An encoder made by hand has none: None."""
    if spec is None:
        return None
    match spec:
        case {"name": str(), "image_size": int(size), "options": dict(options)}:
            if isinstance(size, bool) or size < 1 or not all(isinstance(name, str) for name in options):
                return f"its encoder has an image size of {size} and the options {options}"
            return None
    return "its description of the encoder is not name, image size and options"


def misshapen_run(contents: dict) -> str | None:
    """What is wrong with the contents of a checkpoint, None if nothing is."""
    kinds = {"step": int, "recipe": dict, "state": dict, "optimizer": dict, "scaler": dict, "history": list}
    if lost := [key for key in (*kinds, "encoder") if key not in contents]:
        return f"it lacks {', '.join(lost)}"
    if wrong := [key for key, kind in kinds.items() if not isinstance(contents[key], kind)]:
        return f"{wrong[0]} is of the type {type(contents[wrong[0]]).__name__}, not {kinds[wrong[0]].__name__}"
    step, steps = contents["step"], contents["recipe"].get("steps")
    if not isinstance(steps, int) or not 0 < step <= steps:
        return f"it says that {step} of {steps} steps are done"
    if strange := [name for name, value in contents["state"].items() if not isinstance(value, Tensor)]:
        return f"{strange[0]} in its state is not a tensor"
    for row in contents["history"]:
        if not isinstance(row, dict) or not {"step", "loss"} <= row.keys():
            return "a row of its history has no step or no loss"
        for name, value in row.items():
            if not isinstance(name, str) or not isinstance(value, (int, float, type(None))):
                return f"{name!r} in its history is not a number"
    return misshapen_spec(contents["encoder"])
