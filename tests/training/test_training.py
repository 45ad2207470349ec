"""training: the loop's promises - resume bit for bit, several processes, errors that help, files that are whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from coursekit.methods import SimCLR
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.training import History, load_run, pretrain
from coursekit.training.loop import leave_the_others, parameter_groups
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


def test_a_process_group_is_left_once_and_an_absent_one_is_fine(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    leave_the_others()
    assert not torch.distributed.is_initialized()
    leave_the_others()


def test_two_processes_give_loss_and_gradient_of_one(tmp_path):
    script = [str(Path(__file__).parent / "distributed_step.py")]
    subprocess.run([sys.executable, *script, str(tmp_path / "one.pt")], cwd=ROOT, env=ENV, check=True)
    pair = subprocess.run(
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
        capture_output=True,
        text=True,
    )
    assert pair.returncode == 0, pair.stderr[-4000:]
    one, two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("one", "two"))
    torch.testing.assert_close(two["sum"], one["sum"])
    for method_name, alone in one["steps"].items():
        together = two["steps"][method_name]
        assert abs(alone["loss"] - together["loss"]) < 1e-5, method_name
        assert alone["gradients"].keys() == together["gradients"].keys() and len(alone["gradients"]) > 10
        for name, gradient in alone["gradients"].items():
            says = f"{method_name}: {name}"
            torch.testing.assert_close(together["gradients"][name], gradient, rtol=1e-3, atol=1e-6, msg=says)
        torch.testing.assert_close(together["buffers"], alone["buffers"])
        wanted = {"visual_tokenizer": 3, "dinov2": 2, "dinov2 with a centre": 2}  # codes, counts, sums; two centres
        assert len(alone["buffers"]) == wanted.get(method_name, 0)


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


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_step_and_keeps_the_work(tmp_path, one_thread, sent):
    whole = method()
    pretrain(whole, images(), steps=6, batch_size=8, **QUIET)
    handler = signal.getsignal(sent)

    def press(history):
        if history[-1]["step"] == 2:
            os.kill(os.getpid(), sent)

    with pytest.raises(KeyboardInterrupt, match="after 3 of 6 steps"):
        pretrain(method(), images(), steps=6, batch_size=8, out=tmp_path, log_every=1, on_log=press, **QUIET)
    assert load_run(tmp_path)["step"] == 3 and signal.getsignal(sent) is handler
    resumed = method()
    pretrain(resumed, images(), steps=6, batch_size=8, out=tmp_path, **{**QUIET, "log_every": 1})
    assert same(whole.state_dict(), resumed.state_dict())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 41}, "41, is larger than the set: 40 images"),
        ({"batch_size": 1}, "two images or more"),
        ({"steps": 0}, "steps is 0"),
        ({"lr": -1.0}, "lr is -1"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"weight_decay": -5.0}, "weight_decay is -5"),
        ({"warmup": -1}, "warmup is -1"),
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
