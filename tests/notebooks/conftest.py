"""JupyterLab as a student has it: a server of its own, copies of the lessons, and a page of a real browser on it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SETTINGS = {  # every cell is drawn, also those far from what is seen; no questions, no news
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
TOKEN, READY = "course", 90  # s


class Lab:
    """A page of JupyterLab. said: what the browser's console complained of, by kind and text."""

    def __init__(self, page, address: str):
        self.page, self.address, self.said = page, address, []
        page.on("console", lambda m: self.said.append(m.text.split("\n")[0]) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error).split("\n")[0]))

    def open(self, name: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.goto(f"{self.address}/lab/tree/{name}?token={TOKEN}&reset")
        self.page.wait_for_function(
            "window.jupyterapp && jupyterapp.shell.currentWidget?.content?.widgets?.length"
            " && jupyterapp.shell.currentWidget.context.sessionContext.session?.kernel?.status == 'idle'",
            timeout=READY * 1000,
        )

    def run(self, index: int | None = None, timeout: float = 240) -> None:
        """Run one cell, or all of them, and wait until the kernel has done."""
        self.page.evaluate(
            """async (index) => {
                const book = jupyterapp.shell.currentWidget.content;
                if (index !== null) book.activeCellIndex = index;
                await jupyterapp.commands.execute(index === null ? "notebook:run-all-cells" : "notebook:run-cell");
            }""",
            index,
        )
        self.page.wait_for_function(
            "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status == 'idle'",
            timeout=timeout * 1000,
        )

    def find(self, text: str) -> int:
        """The index of the first code cell that holds a text."""
        return self.page.evaluate(
            "(text) => jupyterapp.shell.currentWidget.content.widgets.findIndex("
            "(cell) => cell.model.type == 'code' && cell.model.sharedModel.getSource().includes(text))",
            text,
        )

    def type(self, index: int, text: str) -> None:
        """Replace what stands in a cell."""
        self.page.evaluate(
            "([index, text]) => jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.setSource(text)",
            [index, text],
        )

    def outputs(self, index: int) -> list[dict]:
        """A cell's outputs as they would be saved."""
        cell = f"jupyterapp.shell.currentWidget.content.widgets[{index}]"
        return self.page.evaluate(f"{cell}.model.type == 'code' ? {cell}.model.outputs.toJSON() : []")

    def text(self, index: int) -> str:
        """What a cell printed."""
        return "".join("".join(output.get("text", "")) for output in self.outputs(index))

    def cell(self, index: int):
        """A cell on the page, scrolled to."""
        found = self.page.locator(".jp-Notebook .jp-Cell").nth(index)
        found.scroll_into_view_if_needed()
        return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory):
    """The address of a JupyterLab on copies of the lessons, in the smoke budget, without a network."""
    from coursekit.publishing.execute import environment

    root, home = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("lab_home")
    for path in FOLDER.glob("*.ipynb"):
        shutil.copy(path, root)
    (root / "settings").mkdir()
    (root / "settings" / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    port = _free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}", "--ServerApp.port_retries=0"]
    command += ["--LabApp.expose_app_in_browser=True", f"--LabApp.app_settings_dir={root / 'settings'}"]
    own = {**environment(home), "COURSEKIT_SMOKE": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    own |= {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR")}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    started = subprocess.Popen(
        command, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = []
    for line in started.stdout:
        said.append(line)
        if "is running at" in line:
            break
    else:
        pytest.fail("JupyterLab did not start:\n" + "".join(said[-20:]))
    threading.Thread(target=started.stdout.read, daemon=True).start()  # a full pipe would stop it
    address = f"http://127.0.0.1:{port}"
    yield address
    started.terminate()
    try:
        started.wait(20)
    except subprocess.TimeoutExpired:
        started.kill()


@pytest.fixture
def lab(browser, server):
    """A new page of JupyterLab."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield Lab(context.new_page(), server)
    context.close()
