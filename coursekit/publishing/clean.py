"""What a lesson's file keeps of a run: outputs that a reader can use and nbval can compare, nothing of the machine."""

import hashlib

from coursekit.publishing import lessons

WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3}, "file_extension": ".py", "mimetype": "text/x-python",
    "name": "python", "nbconvert_exporter": "python", "pygments_lexer": "ipython3",
}


def final_lines(text: str) -> str:
    """Text as a terminal would leave it: of a line that was overwritten with carriage returns, its last state."""
    lines = []
    for line in text.split("\n"):
        states = [state for state in line.split("\r") if state.strip()]
        lines.append(states[-1].rstrip() if "\r" in line and states else line.replace("\r", ""))
    return "\n".join(lines)


def clean_outputs(outputs: list[dict]) -> list[dict]:
    """Outputs without live widgets (their static figure stays), streams joined, progress bars at their last line.

    stdout becomes one output and stderr another, in the order in which they first appear: which prints arrive in one
    message is chance.
    """
    kept, streams = [], {}
    for output in outputs:
        if WIDGET in output.get("data", {}):
            continue
        if output["output_type"] != "stream":
            kept.append(output)
            continue
        text = output["text"] if isinstance(output["text"], str) else "".join(output["text"])
        if output["name"] in streams:
            streams[output["name"]]["text"] += text
        else:
            streams[output["name"]] = {**output, "text": text}
            kept.append(streams[output["name"]])
    for stream in streams.values():
        stream["text"] = final_lines(stream["text"])
    return [output for output in kept if output["output_type"] != "stream" or output["text"].strip()]


def clean(notebook: dict) -> dict:
    """The notebook as it is committed: cleaned outputs, a kernel of no particular version, cell ids that stay.

    Changes `notebook` in place and returns it. Tags, slide types and everything else that an author set are kept.
    """
    metadata = notebook.setdefault("metadata", {})
    metadata.pop("widgets", None)  # GitHub answers "Invalid Notebook" where it is there
    metadata["kernelspec"], metadata["language_info"] = dict(KERNEL), dict(LANGUAGE)
    seen = set()
    for index, cell in enumerate(notebook["cells"]):
        for noise in ("execution", "ExecuteTime", "outputId", "id"):
            cell.get("metadata", {}).pop(noise, None)
        if not cell.get("id") or cell["id"] in seen:
            cell["id"] = f"{index:02d}-{hashlib.sha256(lessons.source(cell).encode()).hexdigest()[:8]}"
        seen.add(cell["id"])
        if cell["cell_type"] == "code":
            cell["outputs"] = clean_outputs(cell.get("outputs", []))
    notebook["nbformat"], notebook["nbformat_minor"] = 4, max(5, notebook.get("nbformat_minor", 5))
    return notebook
