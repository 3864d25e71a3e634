"""Functions of moto replaced for as long as the emulator runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: type, **functions: Callable[..., Any]) -> Iterator[None]:
    """Methods of a class, by name; those that it had, or had inherited, are there again afterwards."""
    own = {name: vars(owner)[name] for name in functions if name in vars(owner)}
    for name, function in functions.items():
        setattr(owner, name, function)
    try:
        yield
    finally:
        for name in functions:
            if name in own:
                setattr(owner, name, own[name])
            else:
                delattr(owner, name)


def snake(name: str) -> str:
    """`MaxRetries` as `max_retries`: how moto's models call what the API does."""
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).lstrip("_")
