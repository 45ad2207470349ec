"""lesson_sets: three disjoint sets; what they are is said."""

import torch

from coursekit.data.lesson_sets import lesson_sets


def test_quick_budget_draws_three_disjoint_sets(monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_BUDGET", "quick")
    sets = lesson_sets(unlabeled=6, labeled=4, size=32, seed=0)
    assert [len(s) for s in sets[:3]] == [6, 4, 4] and sets.unlabeled.labels is None and sets.test.labels is not None
    assert "road objects from drawn scenes (quick budget), 32 x 32 px: 6 without labels" in capsys.readouterr().out
    everything = torch.cat([s.images for s in sets[:3]]).flatten(1)
    assert len(everything.unique(dim=0)) == 14


def test_full_budget_without_a_network_falls_back_and_says_why(monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_BUDGET", "full")
    sets = lesson_sets(unlabeled=3, labeled=3, size=32, seed=1)
    assert len(sets.train.class_names) >= 12
    assert "offline" in capsys.readouterr().out
