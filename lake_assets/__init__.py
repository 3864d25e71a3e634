"""A medallion data lake (bronze, silver, gold) of the 24 TPC-DS tables as partitioned Dagster assets."""

__version__ = "0.1.0"
