"""What happened during a run: one row per logged step."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from coursekit.files import write_atomically


class History:
    """Rows of numbers, one per logged step: step, loss, chance, lr, images_per_second and the method's diagnostics.

    step counts from 0. loss and chance: nats, or the method's unit; chance is None if there is no such level. lr:
    the learning rate that this step used. images_per_second: since the row before, all processes together.
    """

    def __init__(self, rows: list[dict] | None = None):
        self.rows: list[dict] = list(rows or [])

    def log(self, step: int, **values: float | None) -> dict:
        """Add a row and return it."""
        row = {"step": step, **values}
        self.rows.append(row)
        return row

    def column(self, name: str) -> list[float | None]:
        """One value per row, None for a row without it. Raises KeyError, naming the columns, if no row has it."""
        if self.rows and not any(name in row for row in self.rows):
            raise KeyError(f"History has no column {name!r}; it has {', '.join(self.columns)}.")
        return [row.get(name) for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in the order in which they first came."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> dict:
        return self.rows[index]

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no steps yet)"
        return f"History({len(self.rows)} rows, step {self.rows[-1]['step']}, loss {self.rows[-1]['loss']:.3f})"

    def save_csv(self, path: str | Path) -> None:
        """Write all rows as CSV, atomically."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns or ["step"])
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(path, lambda file: file.write(text.getvalue().encode()))
