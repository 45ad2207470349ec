"""Detecting in pictures of every kind, and drawing what was found."""

import numpy as np
import pytest
import torch

from coursekit.data.decode import read_rgb
from coursekit.detection.drawing import COLORS, draw
from coursekit.detection.predictions import Detections, predict
from coursekit.runtime import CourseError, shipped
from tests.detection.conftest import closed_network


@pytest.fixture(scope="module")
def found(trained, dataset):
    """Everything that the barely trained detector suspects in the validation images (folder of four)."""
    with closed_network() as attempts:
        results = predict(trained.run, dataset.parent / "images" / "val", conf=0.0, imgsz=64, device="cpu")
    assert attempts == []
    return results


def test_a_folder_gives_one_result_per_picture_in_order(found, dataset):
    assert [d.path.name for d in found] == ["000.png", "001.png", "002.png", "003.png"]
    for detections in found:
        assert np.array_equal(detections.image, read_rgb(detections.path)) and len(detections) > 0
        left, top, right, bottom = detections.boxes.T
        assert (left <= right).all() and (top <= bottom).all() and left.min() >= 0 and bottom.max() <= 64
        assert (np.diff(detections.scores) <= 0).all() and set(detections.classes) <= {0, 1, 2, 3}
        assert detections.names == ("person", "bicycle", "car", "bus")


def test_arrays_and_tensors_are_rgb_and_give_the_same_boxes(found, trained):
    image = found[1].image
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    first, *others = (
        predict(trained.run.folder, source, conf=0.0, imgsz=64, device="cpu")  # one by one: in a batch
        for source in (str(found[1].path), image, tensor, [tensor[None]])
    )  # sums are rounded otherwise
    for again in others:
        assert len(again) == 1 and np.allclose(again[0].boxes, first[0].boxes, atol=1e-3)
        assert np.array_equal(again[0].classes, first[0].classes) and np.array_equal(again[0].image, image)
    assert len(predict(trained.run.folder, [tensor[None], str(found[1].path)], imgsz=64, device="cpu")) == 2


def test_the_network_sees_red_as_red(trained):
    red, seen = np.zeros((64, 64, 3), np.uint8), []
    red[..., 0] = 255
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0]) if isinstance(module, torch.nn.Conv2d) else None
    )
    try:
        predict(trained.run, red, imgsz=64, device="cpu")
    finally:
        hook.remove()
    first = [
        pixels for pixels in seen if pixels.shape == (1, 3, 64, 64)
    ]  # of smaller ones the checkpoint is tried with
    assert first and all(pixels.mean((0, 2, 3)).tolist() == [1, 0, 0] for pixels in first)


def test_confidence_is_a_floor(found, trained):
    floor = float(np.median(found[0].scores))
    (fewer,) = predict(trained.run, found[0].image, conf=floor, imgsz=64, device="cpu")
    assert 0 < len(fewer) < len(found[0]) and fewer.scores.min() >= floor


def test_at_most_so_many_boxes_are_the_most_confident_ones(found, trained):
    (fewer,) = predict(trained.run, found[0].image, conf=0.0, imgsz=64, device="cpu", max_det=2)
    assert len(found[0]) > 2 and np.allclose(fewer.scores, found[0].scores[:2], atol=1e-5)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere.jpg", "nowhere.jpg"),
        (np.zeros((8, 8, 3), np.float32), "uint8 RGB"),
        (np.zeros((8, 8), np.uint8), "uint8 RGB"),
        (5, " int"),
    ],
)
def test_other_sources_are_explained(trained, source, words):
    with pytest.raises(CourseError, match=words):
        predict(trained.run, source, imgsz=64, device="cpu")


def test_other_settings_are_explained(trained):
    with pytest.raises(CourseError, match="conf is 25"):
        predict(trained.run, "x.jpg", conf=25)
    with pytest.raises(CourseError, match="imgsz is 100"):
        predict(trained.run, "x.jpg", imgsz=100)
    with pytest.raises(CourseError, match="max_det is 0"):
        predict(trained.run, "x.jpg", max_det=0)


def detections(*boxes, size=(120, 160)) -> Detections:
    return Detections(
        np.full((*size, 3), 90, np.uint8),
        np.array([b[:4] for b in boxes], np.float32).reshape(-1, 4),
        np.array([b[4] for b in boxes], np.int64),
        np.array([b[5] for b in boxes], np.float32),
        ("person", "bicycle", "car", "bus"),
    )


def test_a_box_is_drawn_in_its_class_color_at_its_place():
    one = detections((40, 50, 100, 110, 2, 0.9))
    drawn = draw(one, labels=False)
    changed = np.argwhere((drawn != one.image).any(2))
    assert changed.min(0).tolist() == [50, 40] and changed.max(0).tolist() == [110, 100]
    assert tuple(drawn[50, 70]) == COLORS[2] and tuple(drawn[80, 70]) == (90, 90, 90)
    assert (one.image == 90).all(), "the picture itself was painted"


def test_labels_stay_inside_the_picture():
    corner = detections((130, 0, 159, 30, 0, 0.5), (0, 100, 20, 119, 3, 0.4))
    with_text, without = draw(corner), draw(corner, labels=False)
    ground = (with_text == np.array(COLORS[0])).all(2) & ~(without == np.array(COLORS[0])).all(2)
    assert ground.sum() > 100 and with_text.shape == (120, 160, 3)


def test_nothing_found_is_the_picture_itself():
    empty = detections()
    assert np.array_equal(draw(empty), empty.image) and len(empty) == 0 and str(empty) == "image: nothing"


def test_the_most_confident_box_is_on_top():
    drawn = draw(detections((20, 20, 80, 80, 1, 0.9), (20, 20, 80, 80, 2, 0.3)), labels=False)
    assert tuple(drawn[20, 50]) == COLORS[1]


def test_what_lesson_00_says_about_the_two_photographs():
    from ultralytics.utils import ASSETS

    street, match = predict(
        shipped("checkpoints", "yolo12n_road_scenes.safetensors"), [ASSETS / "bus.jpg", ASSETS / "zidane.jpg"]
    )
    named = [[one.names[c] for c in one.classes] for one in (street, match)]
    assert named[0] == ["person", "person"]  # half of the people; the bus is missed
    assert sorted(named[1]) == ["bicycle", "person", "person"]  # an arm passes for a bicycle
