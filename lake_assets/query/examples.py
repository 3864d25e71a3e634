"""The example queries on gold: one file each in `lake_assets/queries`, the same text for DuckDB and for Athena.

A file begins with a comment, its title in the first line, then `Question:` and `How to read:`, and goes on with one SELECT.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from lake_assets.errors import QueryError

_COMMENT = "--"
_QUESTION = "Question:"
_READING = "How to read:"


@dataclass(frozen=True)
class ExampleQuery:
    """One question to gold. `name` is the file's without its ending, `reading` tells how to understand the answer."""

    name: str
    title: str
    question: str
    reading: str
    sql: str


def example_queries() -> dict[str, ExampleQuery]:
    """All of them by name, in order of their names."""
    folder = files("lake_assets") / "queries"
    texts = {path.name.removesuffix(".sql"): path for path in folder.iterdir() if path.name.endswith(".sql")}
    return {name: parse_example(name, texts[name].read_text(encoding="utf-8")) for name in sorted(texts)}


def example_query(name: str) -> ExampleQuery:
    """Raises `QueryError` naming those there are."""
    examples = example_queries()
    if name not in examples:
        raise QueryError(f"There is no example {name!r}. There are {', '.join(examples)}.")
    return examples[name]


def parse_example(name: str, text: str) -> ExampleQuery:
    """Raises `ValueError` for a header that lacks a part."""
    header = []
    for line in text.splitlines():
        if not line.startswith(_COMMENT):
            break
        header.append(line.removeprefix(_COMMENT).strip())
    title, asked, rest = " ".join(header[:1]), *_between(" ".join(header[1:]))
    if not (title and asked and rest):
        raise ValueError(f"{name}.sql: the header needs a title, {_QUESTION!r} and {_READING!r}")
    return ExampleQuery(name, title, asked, rest, text)


def _between(text: str) -> tuple[str, str]:
    before, _, question = text.partition(_QUESTION)
    question, _, reading = question.partition(_READING)
    return ("" if before else question.strip()), reading.strip()
