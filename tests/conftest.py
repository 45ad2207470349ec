"""What every test may ask for. Tests build into a folder of their own and stay off the network."""

import os
import shutil
import signal
from pathlib import Path

import pytest

import coursekit  # noqa: F401  before torch: see there


@pytest.fixture(scope="session", autouse=True)
def course_home(tmp_path_factory) -> Path:
    """COURSEKIT_HOME of this test run: nothing from earlier runs is found there, nothing is left in the checkout."""
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("home")
    patch.setenv("COURSEKIT_HOME", str(home))
    patch.setenv("COURSEKIT_OFFLINE", "1")
    yield home
    patch.undo()


@pytest.fixture
def seeded() -> int:
    """Seeds Python, NumPy and torch; returns the seed."""
    from coursekit.runtime import seed_everything

    seed_everything(0)
    return 0


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """A folder with annotations/instances_*.json in COCO's format and images/: photographs that do not ship."""
    named = os.environ.get("COURSE_REAL_PHOTOS")
    folder = Path(named) if named else Path(__file__).resolve().parent.parent.parent / "shared" / "real_photos"
    if not (folder / "annotations").is_dir():
        pytest.skip("no real photographs: set COURSE_REAL_PHOTOS to a folder with annotations/ and images/")
    return folder


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, driven by Playwright; a test that asks for it is skipped where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    started = playwright.chromium.launch(executable_path=found, args=options)
    yield started
    started.close()
    playwright.stop()


@pytest.fixture
def ctrl_c():
    """Ctrl-C interrupts, here and in what is started here: a shell lets a command in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
