"""Draws road scenes in several processes.

Threads would not help: a scene is thousands of small calls, between which Python's global lock changes hands. And
neither would `multiprocessing`: it wants a guarded `__main__` and forks torch's threads. So plain child processes,
which read seeds from a pipe and write pickled scenes; they see the same package as their parent and end when their
pipe is closed.
"""

import gc
import math
import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue

import numpy as np

CHUNK = 8  # scenes sent at once
LENGTH = struct.Struct("<Q")


def serve() -> None:
    """The child's loop: lines of "size seed seed ..." in, length and pickle out, until the input ends."""
    import cv2

    cv2.setNumThreads(1)
    gc.disable()  # drawing leaves no cycles behind
    from coursekit.data.road_scenes import draw_scene

    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing else may write between the scenes
    for line in sys.stdin:
        size, *seeds = map(int, line.split())
        answer = pickle.dumps([_pack(draw_scene(seed, size)) for seed in seeds], protocol=pickle.HIGHEST_PROTOCOL)
        out.write(LENGTH.pack(len(answer)))
        out.write(answer)
        out.flush()


def _pack(scene):
    """The scene with its masks, most of its bytes, as bits; and their shape."""
    return replace(scene, masks=np.packbits(scene.masks)), scene.masks.shape


def _unpack(scene, shape):
    """The scene that `_pack` was given."""
    masks = np.unpackbits(scene.masks, count=math.prod(shape)).view(bool).reshape(shape)
    return replace(scene, masks=masks)


def _read(pipe, count: int) -> bytearray:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = pipe.readinto(view)
        if not got:
            raise EOFError("the drawing process ended")
        view = view[got:]
    return data


def draw(seeds: list[int], size: int, workers: int) -> dict[int, object]:
    """Scenes by position in `seeds`. What a failed child leaves undone is missing: the caller draws it."""
    package = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(p for p in (package, os.environ.get("PYTHONPATH", "")) if p)
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    work, scenes = Queue(), {}
    for start in range(0, len(seeds), CHUNK):
        work.put(start)

    def request(child) -> int | None:
        """Ask for the next scenes; where they start in `seeds`, None where there are no more."""
        try:
            start = work.get_nowait()
        except Empty:
            return None
        child.stdin.write((" ".join(map(str, [size, *seeds[start : start + CHUNK]])) + "\n").encode())
        child.stdin.flush()
        return start

    def employ(_) -> None:
        command = [sys.executable, "-c", "from coursekit.data.scene_pool import serve; serve()"]
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        except OSError:
            return
        with child:
            try:
                start = request(child)
                while start is not None:
                    answer = _read(child.stdout, LENGTH.unpack(_read(child.stdout, LENGTH.size))[0])
                    following = request(child)  # the child draws on while this one is unpacked
                    drawn = [_unpack(*scene) for scene in pickle.loads(answer)]
                    scenes.update(zip(range(start, start + len(drawn)), drawn, strict=True))
                    start = following
            except (OSError, EOFError):
                pass
            finally:
                try:
                    child.stdin.close()
                except OSError:
                    pass

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(employ, range(workers)))
    return scenes
