"""Sample source files: TPC-DS data at any scale, in the layout and the format of the real source bucket."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from isal import igzip

from lake_assets.contract.tables import TABLES
from lake_assets.errors import SourceError

MARKER = ".sample.json"
_FILE_BYTES = 64 << 20
"""Raw size that a file of a large table has about; the real bucket's objects are larger, but as many per core."""
_LEAST_FACT_FILES = 2
_COPY_BYTES = 1 << 20


def make_sample(scale: float, source: Path, advance: Callable[[str], None]) -> bool:
    """Write all 24 tables at `scale` (1 is about 1 GB of raw text) into `source`; `advance` is called after each table.

    False when `source` holds this very sample already. The folder appears complete or not at all.
    Raises `SourceError` when it holds anything else.
    """
    marker = {"scale": scale}
    if source.exists() and not source.is_dir():
        raise SourceError(f"{source} is a file. Choose a folder with --source.")
    if source.exists() and any(source.iterdir()):
        if _read_marker(source) == marker:
            return False
        raise SourceError(
            f"The folder {source} is not empty and is not a sample of scale {scale:g}. "
            "Choose another folder with --source, or empty it first."
        )
    try:
        source.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".sample-", dir=source.parent) as scratch:
            raw, packed = Path(scratch, "raw"), Path(scratch, "packed")
            _generate(scale, raw)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                for name in pool.map(lambda name: _pack_table(raw, packed, name), TABLES):
                    advance(name)
            (packed / MARKER).write_text(json.dumps(marker))
            if source.exists():
                source.rmdir()
            packed.rename(source)
    except OSError as error:
        raise SourceError(f"Cannot write the sample to {source}: {error.strerror}.") from error
    return True


def _read_marker(source: Path) -> object:
    try:
        return json.loads((source / MARKER).read_text())
    except (OSError, ValueError):
        return None


def _generate(scale: float, folder: Path) -> None:
    """Run the generator, one `<table>.dat` per table. `--compat trino` makes its files identical to the reference kit's."""
    program = Path(sysconfig.get_path("scripts"), "tpcgen-cli")
    command = [str(program), "tpcds", "dat", "-s", f"{scale:g}", "--compat", "trino", "-o", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # our own dependency, no shell
    except FileNotFoundError as error:
        raise SourceError("The generator tpcgen-cli is not installed: `pip install tpcgen-cli`.") from error
    except subprocess.CalledProcessError as error:
        raise SourceError(
            f"The generator failed at scale {scale:g}: {(error.stderr or error.stdout).strip()}"
        ) from error


def _pack_table(raw: Path, packed: Path, name: str) -> str:
    data = raw / f"{name}.dat"
    (packed / name).mkdir(parents=True)
    for number, (start, end) in enumerate(_parts(data, _part_count(name, data.stat().st_size)), 1):
        _compress(data, start, end, packed / name / f"{name}.dat.{number:04d}.gz")
    data.unlink()
    return name


def _part_count(name: str, size: int) -> int:
    least = _LEAST_FACT_FILES if TABLES[name].is_fact else 1
    return max(least, -(-size // _FILE_BYTES))


def _parts(data: Path, count: int) -> Iterator[tuple[int, int]]:
    """Byte ranges of about equal size that end at the end of a line."""
    size = data.stat().st_size
    start = 0
    with data.open("rb") as file:
        for number in range(1, count + 1):
            file.seek(max(start, size * number // count - 1))
            file.readline()
            end = size if number == count else file.tell()
            yield start, end
            start = end


def _compress(data: Path, start: int, end: int, target: Path) -> None:
    """Copy a byte range into a gzip file without a time stamp, so that equal content gives equal files."""
    with data.open("rb") as file, target.open("wb") as plain, igzip.IGzipFile("", "wb", 2, plain, 0) as packed:
        file.seek(start)
        remaining = end - start
        while remaining > 0:
            chunk = file.read(min(_COPY_BYTES, remaining))
            packed.write(chunk)
            remaining -= len(chunk)
