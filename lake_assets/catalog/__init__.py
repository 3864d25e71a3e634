"""What is known of the lake to those who query it: for a local lake, a DuckDB file of views."""
