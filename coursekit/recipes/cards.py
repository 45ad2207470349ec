"""The card that goes with shipped weights, and weights that are loaded only if they are those that the card means."""

import re
from pathlib import Path

from coursekit import runtime
from coursekit.data.downloads import checksum
from coursekit.data.drawn import drawing_version
from coursekit.evaluation.intervals import Interval
from coursekit.evaluation.judging import TITLES
from coursekit.evaluation.provenance import in_words, provenance
from coursekit.files import write_atomically
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.training import load_encoder


def write_card(
    weights: Path,
    title: str,
    text: str,
    rows: dict[str, dict[str, float | Interval]] | None = None,
    judged: str = "",
    terms: str = "The weights are under the course's MIT licence.",
) -> None:
    """Write the card NAME.md beside NAME.safetensors: what it is, how it was made, what it scores, and on what terms.

    weights: the file, already written: its SHA-256 goes onto the card.
    title, text: for people.
    rows: what was measured, {row: {column: share, with its interval if it is known}}.
    judged: on what.
    terms: the licence.
    """
    lines = [f"# {title}", "", text, ""]
    if rows:
        columns = list(next(iter(rows.values())))
        lines += [f"Measured on {judged}:", "", "| | " + " | ".join(TITLES.get(c, c) for c in columns) + " |"]
        lines += ["|---|" + "---|" * len(columns)]
        lines += [f"| {name} | " + " | ".join(_share(row.get(c)) for c in columns) + " |" for name, row in rows.items()]
        lines += [""]
    lines += [
        f"Made by `coursekit recipes`: {in_words(provenance(drawings=drawing_version()))}.",
        f"Stored as float16. {terms}",
        f"SHA-256 of {weights.name}: {checksum(weights)}",
        "",
    ]
    write_atomically(weights.with_suffix(".md"), lambda file: file.write("\n".join(lines).encode()))


def _share(value: float | Interval | None) -> str:
    if isinstance(value, Interval):
        return f"{value.mean:.1%} [{value.low:.1%}, {value.high:.1%}]"
    return "" if value is None else f"{value:.1%}"


class Card(str):
    """The text of a card; the last line of a notebook's cell shows it, with what only a check needs folded in."""

    def _repr_markdown_(self) -> str:
        shown, mark, origin = self.replace("# ", "#### ", 1).partition("\nMade by ")
        summary = "<summary>How it was made, licence, checksum</summary>"
        return shown + (f"\n<details>{summary}\n\nMade by {origin.strip()}\n</details>" if mark else "")


def card(name: str) -> Card:
    """A shipped card."""
    return Card(runtime.shipped("checkpoints", f"{name}.md").read_text(encoding="utf-8"))


def shipped_weights(name: str) -> Path:
    """The file of weights that ships under this name, as its card describes it.

    Raises CourseError if there is none, or if the file is not the one that the card was written for.
    """
    path = runtime.shipped("checkpoints", f"{name}.safetensors")
    if checksum(path) not in re.findall(r"\b[0-9a-f]{64}\b", card(name)):
        raise CourseError(
            f"{path} is not the file that its card describes: its SHA-256 differs. Fetch both again, or make them anew."
        )
    return path


def shipped_encoder(name: str) -> Encoder:
    """The shipped encoder of this name, on the CPU in eval mode, checked as in `shipped_weights`."""
    return load_encoder(shipped_weights(name))
