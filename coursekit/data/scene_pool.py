"""Draws road scenes in several processes.

Threads would not help: a scene is thousands of small calls, between which Python's global lock changes hands. And
neither would `multiprocessing`: it wants a guarded `__main__` and forks torch's threads. So plain child processes,
which read seeds from a pipe and write pickled scenes; they see the same package as their parent and end when their
pipe is closed.
"""

import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue

CHUNK = 8  # scenes sent at once
LENGTH = struct.Struct("<Q")


def serve() -> None:
    """The child's loop: lines of "size seed seed ..." in, length and pickle out, until the input ends."""
    import cv2

    cv2.setNumThreads(1)
    from coursekit.data.road_scenes import draw_scene

    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing else may write between the scenes
    for line in sys.stdin:
        size, *seeds = map(int, line.split())
        answer = pickle.dumps([draw_scene(seed, size) for seed in seeds], protocol=pickle.HIGHEST_PROTOCOL)
        out.write(LENGTH.pack(len(answer)))
        out.write(answer)
        out.flush()


def _read(pipe, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = pipe.read(count - len(data))
        if not part:
            raise EOFError("the drawing process ended")
        data += part
    return bytes(data)


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
                while True:
                    start = work.get_nowait()
                    part = seeds[start : start + CHUNK]
                    child.stdin.write((" ".join(map(str, [size, *part])) + "\n").encode())
                    child.stdin.flush()

                    drawn = pickle.loads(_read(child.stdout, LENGTH.unpack(_read(child.stdout, LENGTH.size))[0]))
                    scenes.update(zip(range(start, start + len(part)), drawn, strict=True))
            except (Empty, OSError, EOFError):
                pass
            finally:
                try:
                    child.stdin.close()
                except OSError:
                    pass

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(employ, range(workers)))
    return scenes
