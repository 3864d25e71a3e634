"""Dagster's run history in SQLite, kept open for the time of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool

_STORAGES: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage)


@contextmanager
def kept_open() -> Iterator[None]:
    """Keep one engine, and its connections, for every SQLite database of Dagster's that is used meanwhile.

    Dagster makes an engine and a connection for each event. A new engine composes the text of every statement anew, and when
    the last connection to a database closes, SQLite writes its journal back and removes it: together a third of the time of a
    run of 500 partitions of a few rows. Nothing else changes: every event is still committed by itself.
    """
    kept: dict[str, Engine] = {}

    def engine(url: str, **options: Any) -> Engine:
        if url not in kept:
            made: Any = create_engine(url, **(options | {"poolclass": QueuePool}))
            # Called after each event; the connections stay until the end of the command.
            made.dispose = lambda: None
            kept[url] = made
        return kept[url]

    try:
        for storage in _STORAGES:
            storage.create_engine = engine
        yield
    finally:
        for storage in _STORAGES:
            storage.create_engine = create_engine
        for made in kept.values():
            Engine.dispose(made)
