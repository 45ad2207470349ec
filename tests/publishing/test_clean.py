"""clean: pictures stay small enough for a lesson of less than a megabyte."""

import base64
import io

import numpy as np
from PIL import Image

from coursekit import figures, runtime
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


def test_a_diagram_gets_a_png_that_shows_in_a_notebook_that_is_not_trusted():
    diagram = figures.pipeline()
    svg, shown = diagram._repr_svg_()
    output = {"output_type": "execute_result", "data": {"image/svg+xml": svg}, "metadata": {"image/svg+xml": shown}}
    clean.add_picture(output)
    picture = Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
    assert picture.size == (clean.DIAGRAM, 420) and output["metadata"]["image/png"] == shown
    letters = np.asarray(picture.convert("L"))[20:40, 30:360]  # "1 Self-supervised pretraining: no labels"
    assert (letters < 110).sum() > 300, "no letters: the font was not found"


def test_the_answer_to_a_guess_is_folded(tmp_path):
    cell = {
        "cell_type": "code",
        "source": "1",
        "metadata": {"tags": [clean.GUESS]},
        "outputs": [],
        "execution_count": 1,
    }
    found = clean.clean({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})["cells"][0]["metadata"]
    assert found["jupyter"] == {"outputs_hidden": True} and found["collapsed"] is True
