"""Asking the lake: DuckDB over a local lake."""
