"""The words of the course, each in a sentence or two: glossary.yaml beside this file."""

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coursekit.exercises.yaml_files import read_yaml
from coursekit.runtime import CourseError

FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Entry:
    """A term and what it means, shown as Markdown in a notebook."""

    term: str
    meaning: str

    def _repr_markdown_(self) -> str:
        return f"**{self.term}**: {self.meaning}"

    def __repr__(self) -> str:
        return f"{self.term}: {self.meaning}"


@cache
def read_glossary(path: Path = FILE) -> tuple[dict[str, str], dict[str, str]]:
    """(term -> meaning, other name -> term). Raises CourseError if the file holds anything else."""
    read = read_yaml(path, {"terms": {str: str}, "also": {str: str}})
    terms, also = read["terms"], read["also"]
    for name, term in also.items():
        if term not in terms:
            raise CourseError(f"{path.name}, also, {name}: there is no term {term!r}.")
    return terms, also


@dataclass(frozen=True)
class Index:
    """All terms, in the order of the alphabet."""

    terms: tuple[str, ...]

    def _repr_markdown_(self) -> str:
        return " · ".join(self.terms)

    def __repr__(self) -> str:
        return ", ".join(self.terms)


def glossary(term: str | None = None) -> Entry | Index:
    """What a term means: glossary("temperature"), in upper or lower case; without a term, the list of all.

    Raises CourseError for an unknown term.
    """
    terms, also = read_glossary()
    if term is None:
        return Index(tuple(sorted(terms, key=str.lower)))
    known = {**{name.lower(): name for name in terms}, **{other.lower(): term for other, term in also.items()}}
    wanted = term.strip().lower()
    if wanted not in known:
        listed = difflib.get_close_matches(wanted, list(known), n=3) or sorted(terms, key=str.lower)
        raise CourseError(f"The glossary has no {term!r}. It has: {', '.join(listed)}.")
    return Entry(known[wanted], terms[known[wanted]])
