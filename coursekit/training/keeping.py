"""Keeping a run: when a checkpoint is due, writing it, and going on from it."""

import time
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

import coursekit
from coursekit.files import sweep
from coursekit.methods.base import SSLMethod
from coursekit.runtime import CourseError
from coursekit.training.checkpoints import CHECKPOINT, fit_state, load_run, save_run
from coursekit.training.history import History

MINUTE = 60.0  # s between two checkpoints, unless save_every says otherwise


class Keeper:
    """Keeps one run in its folder.

    out: the folder, None = nothing is kept.
    recipe: everything that decides how the run goes, as plain values.
    method, optimizer, fabric: what is saved and restored; the fabric is one of `loop.launch`.
    every: steps between two checkpoints, None = a minute between two.
    """

    def __init__(
        self, out: str | Path | None, recipe: dict, method: SSLMethod, optimizer: Any, fabric: Fabric, every: int | None
    ):
        self.out, self.recipe, self.every = out, recipe, every
        self.method, self.optimizer, self.fabric = method, optimizer, fabric
        self.saved, self.clock = 0, time.monotonic()

    def resume(self) -> tuple[int, History]:
        """Load the run that is in the folder: (steps done, its history), (0, empty) if there is none.

        Raises CourseError, with nothing changed, if it is another run or cannot be read.
        """
        if self.out is None or not (Path(self.out) / CHECKPOINT).exists():
            return 0, History()
        sweep(Path(self.out))  # what a killed process was writing
        where, run = str(Path(self.out) / CHECKPOINT), load_run(self.out)
        if differ := list(differences(run["recipe"], self.recipe)):
            way_out = "Use the same settings to go on, or another folder to start anew. Nothing was changed."
            raise CourseError(f"{self.out} holds a run with other settings ({'; '.join(differ)}). {way_out}")
        fit_state(self.method, run["state"], where, run["encoder"])
        try:
            self.optimizer.load_state_dict(run["optimizer"])
            if self.fabric.course_precision is not None and run["scaler"]:
                self.fabric.course_precision.load_state_dict(run["scaler"])
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            why = f"the state of its optimizer does not fit this method ({error})"
            raise CourseError(f"{where}: {why}. Start a new run in another folder.") from error
        if run["step"] < self.recipe["steps"]:
            self.fabric.print(f"Going on from {self.out} at step {run['step']} of {self.recipe['steps']}.")
        self.saved = run["step"]
        return run["step"], History(run["history"])

    def due(self, step: int) -> bool:
        """Is it time for a checkpoint after this step?"""
        if self.out is None:
            return False
        return (step + 1) % self.every == 0 if self.every else time.monotonic() - self.clock > MINUTE

    def save(self, done: int, history: History) -> None:
        """Write the checkpoint of a run that has done so many steps. Does nothing in a run without a folder."""
        if self.out is None:
            return
        scaler = self.fabric.course_precision.state_dict() if self.fabric.course_precision is not None else {}
        contents = {
            "coursekit": coursekit.__version__,
            "step": done,
            "recipe": self.recipe,
            "encoder": self.method.encoder.spec,
            "state": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler,
            "history": history.rows,
        }
        save_run(self.out, contents)
        self.saved, self.clock = done, time.monotonic()

    @property
    def kept(self) -> str:
        """A sentence about what the folder holds, for messages."""
        return f" {self.out} keeps the checkpoint of step {self.saved}." if self.out and self.saved else ""


def differences(there: Any, now: Any, name: str = ""):
    """Yield "name: there X, now Y" for every setting that differs between two recipes, nested ones by dotted name."""
    if isinstance(there, dict) and isinstance(now, dict):
        for key in {**now, **there}:
            yield from differences(there.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif there != now:
        yield f"{name}: there {there}, now {now}"
