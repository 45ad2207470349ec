"""training: the loop's promises - resume bit for bit, several processes, errors that help, files that are whole."""

import math
import os
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.files import write_atomically
from coursekit.methods import SimCLR
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.training import History, export_encoder, load_encoder, load_run, pretrain
from coursekit.training.loop import parameter_groups
from coursekit.views import RandomView, TwoViews
from tests.training.worlds import Everything, images, method, tiny_encoder

ROOT = Path(__file__).resolve().parent.parent.parent
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
QUIET = {"progress": False, "device": "cpu"}


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def without_speed(history) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in history]


def test_sigkill_at_any_moment_ends_bit_for_bit_the_same(tmp_path, one_thread):
    steps = 10
    whole = method()
    expected = pretrain(whole, images(), steps=steps, batch_size=8, log_every=1, **QUIET)
    moments = random.Random(0)
    for _ in range(2):  # killed twice, at steps nobody chose
        run = subprocess.Popen(
            [sys.executable, "-m", "tests.training.worlds", str(tmp_path), str(steps)],
            cwd=ROOT,
            env=ENV,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(moments.randint(1, 3)):
            run.stdout.readline()
        run.send_signal(signal.SIGKILL)
        run.wait()
    resumed = method()
    history = pretrain(resumed, images(), steps=steps, batch_size=8, log_every=1, out=tmp_path, save_every=1, **QUIET)
    assert same(whole.state_dict(), resumed.state_dict())
    assert without_speed(history) == without_speed(expected)
    assert not list(tmp_path.glob(".*part")) or load_run(tmp_path)["step"] == steps


def test_order_of_the_verbs_and_progress_from_0_to_1():
    calls = []

    class Told(Everything):
        def views(self, *a):
            calls.append("views")
            return super().views(*a)

        def before_step(self, progress):
            calls.append(("before_step", progress))

        def forward(self, views):
            calls.append("forward")
            return super().forward(views)

        def after_backward(self, progress):
            calls.append(("after_backward", progress, self.head[1].weight.grad is not None))

        def after_step(self, out, progress):
            calls.append(("after_step", progress, self.head[1].weight.grad is None))

    pretrain(Told(tiny_encoder()), images(), steps=3, batch_size=8, **QUIET)
    assert calls == [
        c
        for at in (0.0, 0.5, 1.0)
        for c in ("views", ("before_step", at), "forward", ("after_backward", at, True), ("after_step", at, True))
    ]


def test_every_image_is_seen_once_an_epoch_in_a_new_order():
    seen = []

    class Seen(Everything):
        def views(self, batch, draws):
            seen.append(batch[:, 0, 0, 0].tolist())
            return super().views(batch, draws)

    numbered = torch.arange(24, dtype=torch.uint8)[:, None, None, None].expand(24, 3, 16, 16).contiguous()
    pretrain(Seen(tiny_encoder()), numbered, steps=6, batch_size=8, **QUIET)
    first, second = sum(seen[:3], []), sum(seen[3:], [])
    assert sorted(first) == sorted(second) == list(range(24)) and first != second


def test_two_processes_give_loss_and_gradient_of_one(tmp_path):
    script = [str(Path(__file__).parent / "distributed_step.py")]
    subprocess.run([sys.executable, *script, str(tmp_path / "one.pt")], cwd=ROOT, env=ENV, check=True)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc-per-node=2",
            "--rdzv-backend=c10d",
            "--rdzv-endpoint=127.0.0.1:0",
            "--local-addr=127.0.0.1",
            *script,
            str(tmp_path / "two.pt"),
        ],
        cwd=ROOT,
        env=ENV,
        check=True,
        capture_output=True,
    )
    one, two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("one", "two"))
    assert abs(one["loss"] - two["loss"]) < 1e-5
    assert one["gradients"].keys() == two["gradients"].keys() and len(one["gradients"]) > 10
    for name, gradient in one["gradients"].items():
        torch.testing.assert_close(two["gradients"][name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def test_a_run_of_other_method_settings_is_no_finished_run_of_this_one(tmp_path):
    """A student changes the temperature, or a view, runs the cell again, and must not be shown the old run."""

    def made(scale=(0.08, 1.0), **settings):
        torch.manual_seed(0)
        return SimCLR(tiny_encoder(), TwoViews(RandomView(16, scale=scale)), **settings)

    pretrain(made(temperature=0.2), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)
    pretrain(made(temperature=0.2), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)  # the same: nothing to say
    stamp = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
    for changed, words in (
        ({"temperature": 0.5}, r"method.temperature: there 0.2, now 0.5"),
        ({"temperature": 0.2, "scale": (0.9, 1.0)}, r"method.views.view.scale: there \[0.08, 1.0\], now \[0.9, 1.0\]"),
    ):
        with pytest.raises(CourseError, match=f"other settings.*{words}.*another folder"):
            pretrain(made(**changed), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)
    assert (tmp_path / "checkpoint.pt").stat().st_mtime_ns == stamp


def test_a_finished_run_is_not_trained_again(tmp_path, capsys):
    pretrain(method(), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)
    stamp = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
    history = pretrain(method(), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)
    assert "already trained" in capsys.readouterr().out and history[-1]["step"] == 1
    assert (tmp_path / "checkpoint.pt").stat().st_mtime_ns == stamp
    assert (tmp_path / "history.csv").read_text().startswith("step,loss,chance,lr,images_per_second")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 9}, "steps: there 2, now 9"),
        ({"seed": 4}, "seed: there 0, now 4"),
        ({"batch_size": 4}, "batch_size: there 8, now 4"),
    ],
)
def test_a_folder_with_another_run_is_left_alone(tmp_path, change, words):
    pretrain(method(), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(CourseError, match=words):
        pretrain(method(), images(), **{"steps": 2, "batch_size": 8, **change}, out=tmp_path, **QUIET)
    with pytest.raises(CourseError, match="images: there"):
        pretrain(method(), images() // 2, steps=2, batch_size=8, out=tmp_path, **QUIET)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_nan_stops_before_it_reaches_the_weights(tmp_path):
    class Breaks(Everything):
        def forward(self, views):
            out = super().forward(views)
            return {**out, "loss": out["loss"] * (math.nan if self.scheduled > 0.6 else 1.0)}

    broken = Breaks(tiny_encoder())
    with pytest.raises(
        CourseError, match=r"nan at step 4, where the learning rate was .*checkpoint of step 4.*ten times smaller"
    ):
        pretrain(broken, images(), steps=6, batch_size=8, out=tmp_path, save_every=1, **QUIET)
    assert all(v.isfinite().all() for v in load_run(tmp_path)["state"].values())
    assert all(p.isfinite().all() for p in broken.parameters())


def test_ctrl_c_ends_the_step_and_keeps_the_work(tmp_path, one_thread):
    whole = method()
    pretrain(whole, images(), steps=6, batch_size=8, **QUIET)
    handler = signal.getsignal(signal.SIGINT)

    def press(history):
        if history[-1]["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="after 3 of 6 steps"):
        pretrain(method(), images(), steps=6, batch_size=8, out=tmp_path, log_every=1, on_log=press, **QUIET)
    assert load_run(tmp_path)["step"] == 3 and signal.getsignal(signal.SIGINT) is handler
    resumed = method()
    pretrain(resumed, images(), steps=6, batch_size=8, out=tmp_path, **{**QUIET, "log_every": 1})
    assert same(whole.state_dict(), resumed.state_dict())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 41}, "41, is larger than the set: 40 images"),
        ({"batch_size": 1}, "two images or more"),
        ({"steps": 0}, "at least one step"),
        ({"lr": -1.0}, "learning rate is -1"),
        ({"lr": float("nan")}, "learning rate is nan"),
        ({"weight_decay": -5.0}, "weight decay is -5"),
        ({"warmup": -1}, "warm-up is -1"),
    ],
)
def test_settings_that_cannot_work_are_explained(settings, words):
    with pytest.raises(CourseError, match=words):
        pretrain(method(), images(), **{"steps": 2, "batch_size": 8, **settings}, **QUIET)


def test_where_a_run_cannot_be_kept_is_told_before_anything_is_trained(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "history.csv").write_text("mine")
    trained = method()
    trained.before_step = lambda at: pytest.fail("it was trained")
    for out, words in (("file", "file"), ("file/below", "file"), ("loop", "loop"), ("csv", "history.csv")):
        with pytest.raises(CourseError, match=words) as told:
            pretrain(trained, images(), steps=2, batch_size=8, out=tmp_path / out, **QUIET)
        assert ".part" not in str(told.value)
    with pytest.raises(CourseError, match="empty"):
        pretrain(trained, images(), steps=2, batch_size=8, out=" ", **QUIET)
    assert (tmp_path / "file").read_text() == "mine" and (tmp_path / "csv" / "history.csv").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["csv", "file", "loop"]


def test_a_disk_that_fills_up_leaves_the_file_of_before(tmp_path):
    def full(file):
        file.write(b"half")
        raise RuntimeError(
            "[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0\nmore"
        )  # as torch.save does

    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(CourseError, match="Could not write .*unexpected pos"):
        write_atomically(tmp_path / "a", full)
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_a_checkpoint_that_lacks_a_part_names_it(tmp_path):
    pretrain(method("simclr"), images(), steps=1, batch_size=8, out=tmp_path, **QUIET)
    contents = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save({k: v for k, v in contents.items() if k not in ("encoder", "history")}, tmp_path / "checkpoint.pt")
    with pytest.raises(CourseError, match="lacks history, encoder"):
        load_encoder(tmp_path)


def test_no_random_file_gets_past_as_a_checkpoint(tmp_path):
    numbers = np.random.default_rng(0)
    for _ in range(300):
        (tmp_path / "x.pt").write_bytes(numbers.integers(0, 256, 40, dtype=np.uint8).tobytes())
        with pytest.raises(CourseError, match="x.pt"):
            load_encoder(tmp_path / "x.pt")


def test_float_images_are_explained():
    with pytest.raises(CourseError, match="uint8 images"):
        pretrain(method(), images().float(), steps=1, batch_size=4, **QUIET)


def test_weight_decay_skips_biases_norms_positions_and_tokens():
    encoder = build_encoder("vit_micro", image_size=16, registers=2, layer_scale=0.1)
    names = {id(p): n for n, p in encoder.named_parameters()}
    decay, free = ({names[id(p)] for p in g["params"]} for g in parameter_groups(encoder, 0.1))
    assert {
        "pos_embed",
        "cls_token",
        "mask_token",
        "register_tokens",
        "norm.weight",
        "blocks.0.norm1.bias",
        "blocks.0.scale1.gamma",
        "blocks.0.attention.qkv.bias",
    } <= free
    assert {"patch_embed.weight", "blocks.0.attention.qkv.weight", "blocks.3.mlp.0.weight"} <= decay
    vit_b = build_encoder("vit_b_16", image_size=16)
    names = {id(p): n for n, p in vit_b.named_parameters()}
    free = {names[id(p)] for p in parameter_groups(vit_b, 0.1)[1]["params"]}
    assert {"vit.class_token", "vit.encoder.pos_embedding"} <= free
    encoder.pos_embed.requires_grad_(False)
    assert all(p is not encoder.pos_embed for g in parameter_groups(encoder, 0.1) for p in g["params"])


def test_the_encoder_of_a_run_and_of_an_export(tmp_path):
    trained = method("simclr")
    pretrain(trained, ImageSet(images()), steps=2, batch_size=8, out=tmp_path / "run", **QUIET)
    x = torch.randn(2, 3, 16, 16)
    expected = trained.encoder.eval()(x)
    assert torch.equal(load_encoder(tmp_path / "run")(x), expected)
    path = export_encoder(tmp_path / "run", tmp_path / "encoder.safetensors")
    torch.testing.assert_close(load_encoder(path)(x), expected, atol=2e-2, rtol=1e-2)
    assert torch.equal(
        load_encoder(export_encoder(tmp_path / "run", tmp_path / "f.safetensors", half=False))(x), expected
    )


def test_files_that_are_no_run_are_named_with_a_way_out(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "trapped"),))

    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").touch()
    torch.save({"model": torch.zeros(2)}, tmp_path / "other.pt")
    (tmp_path / "bad.safetensors").write_text("hello")
    for name in ("pickle.pt", "text.pt", "empty.pt", "other.pt", "bad.safetensors", "absent.pt", "absent.safetensors"):
        with pytest.raises(CourseError, match=name):
            load_encoder(tmp_path / name)
    assert not (tmp_path / "trapped").exists()  # nothing in the pickle was run


def test_a_checkpoint_of_another_encoder_is_refused(tmp_path):
    pretrain(method("simclr"), images(), steps=1, batch_size=8, out=tmp_path, **QUIET)
    wider = build_encoder("vit_micro", image_size=16, dim=32, depth=1, heads=2)
    with pytest.raises(
        CourseError, match=r"another network than this ViT.*cls_token: file \(1, 1, 16\), here \(1, 1, 32\)"
    ):
        load_encoder(tmp_path, wider)


def test_history_explains_an_unknown_column():
    history = History()
    history.log(0, loss=1.0, chance=None)
    history.log(5, loss=0.5, chance=None, extra=2.0)
    assert (
        history.column("extra") == [None, 2.0]
        and len(history) == 2
        and history.columns == ["step", "loss", "chance", "extra"]
    )
    with pytest.raises(KeyError, match="loss"):
        history.column("los")
