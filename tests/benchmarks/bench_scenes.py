"""Road scenes of 320 x 320 px a second, boxes and masks included: in one process, and in one process for each core."""

import time

from coursekit import runtime
from coursekit.data.road_scenes import draw_scenes

SCENES, WARM_UP = 480, 24


def main() -> None:
    """Print how many scenes are drawn a second; starting the processes counts too."""
    draw_scenes(range(WARM_UP), workers=1)                # textures are made on their first use
    for workers in sorted({1, runtime.threads()}):
        start = time.perf_counter()
        draw_scenes(range(SCENES), workers=workers)
        speed = SCENES / (time.perf_counter() - start)
        print(f"  {speed:6.1f} scenes a second in {workers} process{'es' if workers > 1 else ''}")


if __name__ == "__main__":
    main()
