"""Road scenes of 320 x 320 px a second, masks included: drawn one by one, and as `ImageSet.road_scenes` draws them."""

import time

from coursekit.data.drawn import draw_images
from coursekit.scenes.road_scenes import draw_scene

SCENES, WARM_UP, SIZE = 480, 24, 320


def main() -> None:
    """Print how many scenes are drawn a second; starting the processes counts too."""
    for seed in range(WARM_UP):  # textures are made on their first use
        draw_scene(seed, SIZE)

    def one_by_one():
        for seed in range(SCENES):
            draw_scene(seed, SIZE)

    for name, draw in (("one by one", one_by_one), ("on all cores", lambda: draw_images(SCENES, SIZE, seed=0))):
        start = time.perf_counter()
        draw()
        print(f"  {SCENES / (time.perf_counter() - start):6.1f} scenes a second, {name}")


if __name__ == "__main__":
    main()
