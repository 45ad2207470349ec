"""clean: pictures stay small enough for a lesson of less than a megabyte."""

import base64
import io

import numpy as np
from PIL import Image

from coursekit import runtime
from coursekit.publishing import clean
from coursekit.widgets import live


def test_large_pictures_are_kept_in_256_colors_and_small_ones_untouched():
    def encoded(pixels):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        return base64.b64encode(buffer.getvalue()).decode()

    smooth = np.add.outer(np.arange(300), np.arange(300))[..., None] // np.array([3, 4, 5]) % 256
    noise = np.random.default_rng(0).integers(0, 12, smooth.shape)
    large, small = encoded((smooth * 0.9 + noise).astype(np.uint8)), encoded(np.zeros((9, 9, 3), np.uint8))
    assert len(large) > clean.LARGE_PICTURE and clean.small_png(small) == small
    kept = clean.small_png(large)
    assert len(kept) < 0.6 * len(large) and clean.small_png(kept) == kept
    before, after = (np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB"), int) for p in (large, kept))
    assert np.abs(before - after).mean() < 8


def test_paths_of_this_machine_become_the_names_that_a_reader_knows(tmp_path):
    weights = runtime.shipped("checkpoints", "yolo12n_road_scenes.safetensors")
    output = {
        "text": f"from {weights} into {tmp_path}/runs",
        "data": {"text/plain": [str(tmp_path)], "image/png": str(tmp_path)},
    }
    told = clean.without_home(output, tmp_path)
    assert told["text"] == "from data/checkpoints/yolo12n_road_scenes.safetensors into outputs/runs"
    assert told["data"] == {"text/plain": ["outputs"], "image/png": str(tmp_path)}


def test_what_only_a_live_page_needs_is_not_committed():
    assert clean.LIVE_ONLY == live.MARK and clean.WIDGET == live.WIDGET
    marked = [({"text/html": live.STYLE}, live.MARK), ({live.WIDGET: {}}, live.MARK)]
    picture = ({"image/png": "iVBOR", "text/plain": "a picture"}, {"image/png": {"alt": "a picture"}})
    outputs = [
        {"output_type": "display_data", "data": data, "metadata": metadata} for data, metadata in (*marked, picture)
    ]
    assert clean.clean_outputs(outputs) == outputs[2:]
