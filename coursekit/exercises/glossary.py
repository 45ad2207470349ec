"""The words of the course, each in a sentence or two: glossary.yaml beside this file."""

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

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
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        terms, also = read["terms"], read["also"]
        wrong = [key for part in (terms, also) for key, text in part.items() if not isinstance(text, str)]
    except (OSError, AttributeError, KeyError, TypeError, yaml.YAMLError) as error:
        raise CourseError(f"{path} cannot be read as a glossary: {error!r}") from error
    wrong += [name for name, term in also.items() if term not in terms]
    if wrong:
        raise CourseError(f"{path.name}: {', '.join(map(str, wrong))} should have a text, or the name of a term.")
    return terms, also


def glossary(term: str) -> Entry:
    """What a term means: glossary("temperature"), in upper or lower case. Raises CourseError for an unknown term."""
    terms, also = read_glossary()
    known = {name.lower(): name for name in terms}
    wanted = term.strip().lower()
    wanted = also.get(wanted, wanted).lower()
    if wanted not in known:
        near = difflib.get_close_matches(wanted, [*known, *also], n=3)
        raise CourseError(
            f"The glossary has no {term!r}."
            + (f" It has: {', '.join(near)}." if near else f" It has: {', '.join(sorted(terms, key=str.lower))}.")
        )
    return Entry(known[wanted], terms[known[wanted]])
