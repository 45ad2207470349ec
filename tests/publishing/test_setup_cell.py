"""The setup cell, run as IPython runs it: where coursekit is installed, and where it is not."""

import importlib.util
import sys
import types
from importlib import metadata

import pytest
from IPython.core.interactiveshell import InteractiveShell

from coursekit.publishing import setup_cell


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A function that runs a cell in IPython and returns (error or None, arguments of %pip or None)."""
    monkeypatch.chdir(tmp_path)
    ip = InteractiveShell.instance()
    calls = []
    ip.register_magic_function(lambda line: calls.append(line), magic_name="pip")

    def run(source: str):
        result = ip.run_cell(source)
        return result.error_before_exec or result.error_in_exec, calls[0] if calls else None

    yield run
    InteractiveShell.clear_instance()


@pytest.fixture
def not_installed(monkeypatch):
    """find_spec as it answers where coursekit is not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "coursekit" else find(name, *a))


def test_where_coursekit_is_installed_nothing_is_installed(shell, capsys, tmp_path):
    error, pip = shell(setup_cell.setup_cell("git+https://example.org/x"))
    assert error is None and pip is None and capsys.readouterr().out == "coursekit is ready\n"
    assert list(tmp_path.iterdir()) == []


def test_on_colab_it_installs_and_keeps_what_is_there(shell, not_installed, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    error, pip = shell(setup_cell.setup_cell("git+https://example.org/x"))
    assert error is None and pip == "install -q -c kept.txt git+https://example.org/x"
    kept = (tmp_path / "kept.txt").read_text(encoding="utf-8").split()
    assert kept == [f"{name}=={metadata.version(name)}" for name in ("torch", "torchvision", "numpy", "ipywidgets")]


@pytest.mark.parametrize(("address", "colab"), [("", True), ("git+https://example.org/x", False), ("", False)])
def test_elsewhere_it_says_how_to_go_on(shell, not_installed, monkeypatch, address, colab, capsys):
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    error, pip = shell(setup_cell.setup_cell(address))
    assert isinstance(error, ModuleNotFoundError) and pip is None
    assert "make lab" in str(error) and "%pip install" in str(error)


def cell(source: str, **metadata) -> dict:
    """A code cell with the folded cell's metadata, or others."""
    return {"source": source, "metadata": {**setup_cell.FOLDED, **metadata}}


def test_the_standard_cell_is_folded_short_and_recognized_with_any_address():
    for source in (setup_cell.SOURCE, setup_cell.setup_cell("git+https://example.org/x")):
        assert setup_cell.is_standard(cell(source, slideshow={"slide_type": "skip"}))
        assert not setup_cell.is_standard(cell(source, cellView="code"))
        assert not setup_cell.is_standard(cell(source, jupyter={}))
    for source in (setup_cell.SOURCE + "\nprint(1)", "import coursekit"):
        assert not setup_cell.is_standard(cell(source))
    assert setup_cell.SOURCE.startswith("#@title ") and len(setup_cell.SOURCE.splitlines()) <= 15
    assert setup_cell.address_in(setup_cell.SOURCE) == "" and setup_cell.address_in("x = 1") is None
