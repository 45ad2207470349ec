import json
import tarfile

import numpy as np
import pytest
import torch
from safetensors.torch import save

from coursekit.data import drawn, image_sources
from coursekit.data import images as image_sets
from coursekit.data.images import ImageSet
from coursekit.runtime import CourseError
from coursekit.scenes.road_scenes import SUBTYPES


def archive_of(folder, inner, files):
    (folder / inner).mkdir(parents=True)
    for name, data in files.items():
        (folder / inner / name).write_bytes(data.tobytes())
    with tarfile.open(folder / "archive.tar.gz", "w:gz") as archive:
        archive.add(folder / inner, inner)
    return (folder / "archive.tar.gz").read_bytes()


def safetensors(**tensors) -> bytes:
    """A file that says it is a set of images, whatever is in it."""
    metadata = {"image_set": json.dumps({"class_names": SUBTYPES})}
    return save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_cifar10_is_fetched_once_and_read_without_pickle(server, tmp_path, monkeypatch, own_home, capsys):
    draws = np.random.default_rng(0)
    batches = {f"data_batch_{i}.bin": draws.integers(0, 10, (4, 3073), np.uint8) for i in range(1, 6)}
    batches["test_batch.bin"] = draws.integers(0, 10, (3, 3073), np.uint8)
    body = archive_of(tmp_path / "make", "cifar-10-batches-bin", batches)
    server.files["/cifar-10-binary.tar.gz"] = body
    monkeypatch.setattr(image_sources, "CIFAR10_URL", f"{server.url}/cifar-10-binary.tar.gz")
    monkeypatch.setattr(image_sources, "CIFAR10_KNOWN", {"size": len(body)})
    train, test = ImageSet.cifar10("train"), ImageSet.cifar10("test", size=16, limit=2)
    assert train.images.shape == (20, 3, 32, 32) and test.images.shape == (2, 3, 16, 16)
    record = batches["data_batch_2.bin"][1]
    assert train.labels[5] == record[0] and train.images[5].flatten().tolist() == record[1:].tolist()
    assert test.labels.tolist() == batches["test_batch.bin"][[0, 2], 0].tolist() and test.class_names[9] == "truck"
    assert server.paths() == ["/cifar-10-binary.tar.gz"]
    with pytest.raises(ValueError, match="train, test"):
        ImageSet.cifar10("val")


def test_stl10_columns_become_rows(server, tmp_path, monkeypatch, own_home, capsys):
    picture = np.arange(96 * 96, dtype=np.int64).reshape(96, 96) % 251
    pixels = np.stack([np.stack([picture + i] * 3) for i in range(4)]).astype(np.uint8)
    stored = pixels.transpose(0, 1, 3, 2)
    files = {"unlabeled_X.bin": stored, "train_X.bin": stored[:2], "train_y.bin": np.array([1, 10], np.uint8)}
    files |= {"test_X.bin": stored[:1], "test_y.bin": np.array([2], np.uint8)}
    body = archive_of(tmp_path / "make", "stl10_binary", files)
    server.files["/stl10_binary.tar.gz"] = body
    monkeypatch.setattr(image_sources, "STL10_URL", f"{server.url}/stl10_binary.tar.gz")
    monkeypatch.setattr(image_sources, "STL10_KNOWN", {"size": len(body)})
    images = ImageSet.stl10("unlabeled", size=96, limit=3)
    assert images.labels is None
    assert np.array_equal(images.images.numpy(), pixels[[0, 2, 3]])
    train = ImageSet.stl10("train")
    assert train.labels.tolist() == [0, 9] and torch.equal(train.images[1], images.images[0] + 1)
    (own_home / "datasets/stl10_binary/stl10_binary/train_y.bin").write_bytes(b"")
    with pytest.raises(CourseError, match="train_y.bin is missing or damaged"):
        ImageSet.stl10("train")


def test_without_a_network_the_way_out_is_named(own_home):
    with pytest.raises(CourseError, match="(?s)COURSEKIT_OFFLINE.*CIFAR-10 cannot be had.*from_folder"):
        ImageSet.cifar10()


def test_drawn_images_depend_on_the_seed_alone(own_home):
    a, b, c = (ImageSet.road_scenes(3, 64, seed) for seed in (1, 1, 2))
    assert torch.equal(a.images, b.images) and torch.equal(a.masks, b.masks)
    assert not torch.equal(a.images, c.images) and not torch.equal(a.images[0], a.images[1])
    assert a.masks.shape == (3, 64, 64) and a.masks.max() <= len(a.class_names)


def test_crops_are_balanced_labeled_and_kept(own_home, monkeypatch):
    monkeypatch.setattr(image_sets, "KEPT_FROM", 1)
    monkeypatch.setattr(image_sets, "drawing_version", lambda: "one")
    monkeypatch.setattr(drawn, "CROP_SCENE", 160)  # smaller is quicker
    monkeypatch.setattr(drawn, "SMALLEST_CROP", 12)
    crops = ImageSet.road_crops(14, 32, seed=3)
    counts = torch.bincount(crops.labels, minlength=len(crops.class_names))
    assert crops.images.shape == (14, 3, 32, 32) and len(crops.class_names) >= 12
    assert (counts > 0).sum() >= 6 and counts.max() <= 5
    assert crops.labels[:10].unique().numel() > 2  # mixed, not sorted
    monkeypatch.setattr(image_sets, "draw_crops", None)  # would fail if it were drawn again
    again = ImageSet.road_crops(14, 32, seed=3)
    assert torch.equal(again.images, crops.images) and torch.equal(again.labels, crops.labels)
    assert again.class_names == crops.class_names
    drawn_again = crops.images.numpy().transpose(0, 2, 3, 1), crops.labels.numpy()
    monkeypatch.setattr(image_sets, "draw_crops", lambda *_: drawn_again)
    (kept,) = (own_home / "cache").iterdir()
    damaged = kept.read_bytes()[:500]
    for content in (damaged, safetensors(images=crops.images[:, :1]), safetensors(labels=crops.labels)):
        kept.write_bytes(content)
        assert torch.equal(ImageSet.road_crops(14, 32, seed=3).images, crops.images)
        assert kept.read_bytes() != content


def test_no_two_splits_share_a_seed():
    from coursekit.data.drawn import MOST, PURPOSES, scene_seed

    seeds = {scene_seed(p, s, i) for p in PURPOSES for s in range(5) for i in (0, 1, MOST - 1)}
    assert len(seeds) == len(PURPOSES) * 5 * 3
    for wrong in ((-1, 0), (0, MOST), (0, -1)):
        with pytest.raises(ValueError):
            scene_seed("train", *wrong)
