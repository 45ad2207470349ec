"""The dataset that lesson 11 breaks on purpose: the check finds every fault that it names."""

import pytest

from coursekit.data.yolo import road_objects
from coursekit.data.yolo.broken import broken_on_purpose
from coursekit.runtime import CourseError


def test_every_fault_that_is_named_is_found(tmp_path):
    broken = broken_on_purpose(tmp_path / "broken")
    problems = [str(problem) for problem in road_objects.check(broken.yaml)]
    for number in ("000000", "000001", "000002", "000003"):
        assert any(f"train/{number}" in problem for problem in problems), number
    assert any("000004" in problem and "000009" in problem for problem in problems)
    assert len(broken.faults) == 5
    again = broken_on_purpose(tmp_path / "broken")  # made anew
    assert [str(problem) for problem in road_objects.check(again.yaml)] == problems


def test_a_folder_of_the_users_is_never_removed(tmp_path):
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(CourseError, match=tmp_path.name):
        broken_on_purpose(tmp_path)
    assert (tmp_path / "mine").read_text() == "kept"
