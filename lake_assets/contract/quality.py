"""The table of audit results, in which every rule, partition and materialisation leaves a row."""

from __future__ import annotations

from lake_assets.contract.model import Column

QUALITY_SCHEMA = "quality"
RESULTS_NAME = "results"
RESULTS_COMMENT = (
    "Quality history; one row per rule, partition and audit. An audit precedes every publication; what it blocked was not "
    "published."
)
RESULTS_PARTITIONS = (
    Column("layer", "VARCHAR(8)", "Layer of the audited table: bronze, silver or gold.", nullable=False),
    Column("table_name", "VARCHAR(64)", "Name of the audited table.", nullable=False),
)
RESULTS: tuple[Column, ...] = (
    Column("partition", "VARCHAR(32)", "Audited partition; all where the table is not partitioned.", nullable=False),
    Column("rule", "VARCHAR(128)", "Name of the rule, unique within the table.", nullable=False),
    Column("kind", "VARCHAR(32)", "Kind of the rule, such as foreign_key or range.", nullable=False),
    Column("sentence", "VARCHAR(2000)", "What the rule demands, in words.", nullable=False),
    Column(
        "action",
        "VARCHAR(16)",
        "What happens to rows that break it: warn (kept), quarantine (taken out) or block (partition not published).",
        nullable=False,
    ),
    Column("evaluated", "BOOLEAN", "False when the rule could not be evaluated; note says why.", nullable=False),
    Column("failed", "BOOLEAN", "True when a larger share than the threshold broke the rule.", nullable=False),
    Column("blocked", "BOOLEAN", "True when this rule kept the partition from being published.", nullable=False),
    Column("rows_checked", "BIGINT", "Rows that the rule looked at."),
    Column("violations", "BIGINT", "Rows that broke the rule; NULL when it was not evaluated."),
    Column("share", "DECIMAL(18,6)", "violations / rows_checked, between 0 and 1; NULL when there were no rows."),
    Column("threshold", "DECIMAL(18,6)", "Share of the rows that may break the rule before it fails.", nullable=False),
    Column("samples", "VARCHAR(2000)", "Primary keys of up to five rows that broke the rule."),
    Column("note", "VARCHAR(2000)", "Why the rule was not evaluated, or the figures that it compared."),
    Column("run_id", "VARCHAR(64)", "Run that audited.", nullable=False),
    Column("audited_at", "TIMESTAMP", "When the audit took place (UTC).", nullable=False),
)
