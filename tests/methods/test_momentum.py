"""Teacher, queue, split batch-norm and MoCo: each against its formula, and the mistakes that others made."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.draws import Draws
from coursekit.methods.ema import follow, lag, teacher_of
from coursekit.methods.moco import MoCo, info_nce_with_queue
from coursekit.methods.queue import Queue
from coursekit.methods.split_norm import interleaved, split_norms
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, TwoViews

VIEWS = TwoViews(RandomView(16))
QUIET = {"progress": False, "device": "cpu"}


def images(n=16):
    return torch.randint(0, 256, (n, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def moco(**settings) -> MoCo:
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)
    return MoCo(encoder, VIEWS, **{"queue_size": 32, "out_dim": 8, **settings})


def rows(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def naive(q, k, negatives, temperature):
    """The formula, letter by letter."""
    total = 0.0
    for i in range(len(q)):
        own = F.cosine_similarity(q[i], k[i], dim=0) / temperature
        others = [F.cosine_similarity(q[i], negatives[j], dim=0) / temperature for j in range(len(negatives))]
        total += -own + torch.logsumexp(torch.stack([own, *others]), 0)
    return total / len(q)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
def test_the_loss_equals_the_double_loop_and_its_gradient(temperature):
    given = [rows(5, 4, 1).requires_grad_(), rows(5, 4, 2), rows(9, 4, 3)]
    mine, theirs = info_nce_with_queue(*given, temperature), naive(*given, temperature)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(loss, given[0])[0] for loss in (mine, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


def test_the_loss_equals_lightlys_with_a_memory_bank():
    loss = pytest.importorskip("lightly.loss", reason="lightly is a development-only oracle").NTXentLoss
    q, k, negatives = rows(6, 4, 1).float(), rows(6, 4, 2).float(), F.normalize(rows(20, 4, 3).float(), dim=1)
    theirs = loss(temperature=0.2, memory_bank_size=(20, 4))
    theirs.memory_bank.bank = negatives.clone()
    theirs.memory_bank.bank_ptr = torch.zeros(1, dtype=torch.long)
    torch.testing.assert_close(info_nce_with_queue(q, k, negatives, 0.2), theirs(q, k))


def test_equal_keys_give_chance_and_no_gradient_reaches_keys():
    q, k = torch.ones(4, 3, requires_grad=True), torch.ones(4, 3, requires_grad=True)
    negatives = torch.ones(7, 3, requires_grad=True)
    loss = info_nce_with_queue(q, k, negatives, 0.1)
    assert loss.item() == pytest.approx(math.log(8)) and moco().chance_level(4) == math.log(33)
    loss.backward()
    assert k.grad is None and negatives.grad is None
    halves = [part.detach().half() * 200 for part in (q, k, negatives)]
    assert info_nce_with_queue(*halves, 0.01).isfinite()


def test_a_teacher_shares_nothing_with_its_student_and_follows_by_the_formula():
    student = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    teacher = teacher_of(student)
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not {p.data_ptr() for p in teacher.parameters()} & {p.data_ptr() for p in student.parameters()}
    old = [p.clone() for p in teacher.parameters()]
    with torch.no_grad():
        for p in student.parameters():
            p.add_(1.0)
    student[1].running_mean.fill_(7.0)
    assert lag(teacher, student) > 0.1
    follow(teacher, student, 0.75)
    for mine, before, theirs in zip(teacher.parameters(), old, student.parameters(), strict=True):
        torch.testing.assert_close(mine.data, 0.75 * before.data + 0.25 * theirs.data)
    assert teacher[1].running_mean.eq(0).all(), "batch-norm statistics are the teacher's own"
    follow(teacher, student, 0.0)
    assert lag(teacher, student) < 1e-6


def test_a_queue_keeps_every_key_also_around_its_end():
    queue = Queue(7, 2)
    random = queue.keys.clone()
    torch.testing.assert_close(random.norm(dim=1), torch.ones(7))
    pushed = torch.arange(20.0).view(10, 2)
    queue.push(pushed[:5])
    assert queue.keys[:5].equal(pushed[:5]) and queue.keys[5:].equal(random[5:])
    assert queue.age.tolist() == [0] * 5 + [-1] * 2
    queue.push(pushed[5:])
    assert queue.keys.equal(torch.cat([pushed[7:10], pushed[3:5], pushed[5:7]])) and queue.place == 3
    assert queue.age.tolist() == [0, 0, 0, 1, 1, 0, 0]
    with pytest.raises(CourseError, match="whole number of batches of 5.*queue_size=10"):
        queue.check_batch(5)


def test_negatives_are_read_before_the_batch_goes_in():
    method, seen = moco(), []
    out = method(method.views(images(), Draws(0)))
    seen.append(method.queue.keys.clone())
    method.after_step(out, 0.0)
    assert not any((row == seen[0]).all(dim=1).any() for row in out["keys"])
    assert method.queue.keys[:16].equal(out["keys"]) and method.queue.keys[16:].equal(seen[0][16:])


def test_the_teacher_is_used_and_keys_are_its_own():
    method = moco()
    views = method.views(images(), Draws(0))
    before = method(views)
    with torch.no_grad():
        for p in method.teacher.parameters():
            p.add_(0.1 * torch.randn_like(p))
    after = method(views)
    assert not torch.allclose(before["keys"], after["keys"]) and before["z"].equal(after["z"])


def test_parameters_after_one_step_are_those_of_the_formula():
    method = moco(symmetric=False)
    encoder, projector = copy.deepcopy(method.encoder), copy.deepcopy(method.projector)
    teacher, negatives = copy.deepcopy(method.teacher), method.queue.keys.clone()
    a, b = method.views(images(), Draws(5, 0))
    student = nn.Sequential(encoder, projector)
    loss = naive(student(a.pixels), teacher(b.pixels), negatives, method.temperature)
    loss.backward()
    out = method([a, b])
    out["loss"].backward()
    torch.testing.assert_close(out["loss"], loss, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(method.projector.parameters(), projector.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-6)


def test_split_norm_sees_parts_and_keeps_names():
    whole = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    split, reference = copy.deepcopy(whole), copy.deepcopy(whole)
    split_norms(split, 2)
    assert split.state_dict().keys() == whole.state_dict().keys()
    x = torch.randn(6, 3, 5, 5)
    parts = torch.cat([copy.deepcopy(reference)(x[:3]), copy.deepcopy(reference)(x[3:])])
    torch.testing.assert_close(split(x), parts)
    assert not torch.allclose(split(x), whole(x))
    assert split.eval()(x).shape == (6, 4, 5, 5) and split_norms(whole, 1) is None


def test_keys_are_normalized_in_other_parts_than_queries():
    there, back = interleaved(12, 3, torch.device("cpu"))
    assert there[back].tolist() == list(range(12)) and back.sort().values.tolist() == list(range(12))
    for part in there.view(3, 4):
        assert {i.item() // 4 for i in part} == {0, 1, 2}
    assert interleaved(7, 2, torch.device("cpu"))[0].tolist() == list(range(7))
