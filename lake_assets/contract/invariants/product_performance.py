"""What must hold of gold `product_performance`.

The year of a row is its partition and nothing else, so that it lies in the right one follows from the totals of the years.
"""

from __future__ import annotations

from lake_assets.contract.invariants._sql import (
    SALES_BY_DAY,
    UNDONE_SALES,
    balance,
    day,
    differs,
    differs_from_quotient,
    fraction,
    less,
    quotient,
    recomputed,
    rows_where,
    same,
    side,
    year_of,
)
from lake_assets.contract.model import CHANNELS, Invariant

_TABLE = "gold.product_performance"
_PART = "sale_year"
_BY_NET_SALES = "(PARTITION BY {} ORDER BY net_sales DESC{})"
_ON_HAND = "ROUND(avg_on_hand * snapshot_count, 0)"
_SO_FAR = (
    "SUM(net_sales) OVER (PARTITION BY sale_year ORDER BY revenue_row_no "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)
_OF_YEAR = "SUM(net_sales) OVER (PARTITION BY sale_year)"
_ABC_CLASS = (
    "CASE WHEN net_sales > 0 AND (so_far - net_sales) * 5 < of_year * 4 THEN 'A' "
    "WHEN net_sales > 0 AND (so_far - net_sales) * 20 < of_year * 19 THEN 'B' ELSE 'C' END"
)


_SUMS = ("line_count", "units_sold", "coupon_amt", "net_paid", "wholesale_cost", "net_profit", "null_amount_lines")
_OF_SALES = less(_SUMS) | {
    f"{channel}_gross_sales": f"-CASE WHEN channel = '{channel}' THEN gross_sales ELSE 0 END" for channel in CHANNELS
}
_UNDONE_BY_DAY = (
    "(SELECT date_sk, SUM(return_line_count) AS return_line_count, SUM(units_returned) AS units_returned, "
    f"SUM(returns_amt) AS returns_amt FROM {UNDONE_SALES} WHERE is_sold GROUP BY date_sk) AS days"
)
_OF_RETURNS = ("return_line_count", "units_returned", "returns_amt")
_YEAR = {"part": year_of(day("date_sk"))}


def _ranking(column: str, sentence: str, found: str) -> Invariant:
    columns = tuple(dict.fromkeys((column, "item_id", "category", "net_sales")))
    return Invariant(
        "ranking", column, sentence, columns, query=rows_where(differs(column, "found"), _TABLE, _PART, found=found)
    )


INVARIANTS = (
    recomputed("gross_sales", "store_gross_sales + catalog_gross_sales + web_gross_sales"),
    recomputed("gross_profit", "net_paid - wholesale_cost"),
    quotient("gross_margin_pct", "gross_profit", "net_paid"),
    recomputed("net_sales", "gross_sales - returns_amt"),
    quotient("return_rate_lines", "return_line_count", "line_count"),
    fraction("return_rate_lines"),
    quotient("avg_unit_price", "gross_sales", "units_sold"),
    Invariant(
        "recomputed",
        "avg_on_hand",
        "avg_on_hand is present where snapshot_count is not 0, and nowhere else.",
        ("snapshot_count", "avg_on_hand"),
        condition=differs("(avg_on_hand IS NULL)", "(snapshot_count = 0)"),
    ),
    Invariant(
        "recomputed",
        "weeks_of_supply",
        "weeks_of_supply = avg_on_hand x snapshot_count / units_sold, and missing where that is no number.",
        ("units_sold", "snapshot_count", "avg_on_hand", "weeks_of_supply"),
        condition=differs_from_quotient("weeks_of_supply", _ON_HAND, "units_sold"),
    ),
    Invariant(
        "recomputed",
        "stock_turn",
        "stock_turn = units_sold / avg_on_hand, and missing where that is no number.",
        ("units_sold", "snapshot_count", "avg_on_hand", "stock_turn"),
        condition=differs_from_quotient("stock_turn", "(units_sold * snapshot_count)", _ON_HAND),
    ),
    _ranking(
        "revenue_rank_in_category",
        "revenue_rank_in_category is the rank by net_sales among the items of the category in the year.",
        f"RANK() OVER {_BY_NET_SALES.format('sale_year, category', '')}",
    ),
    _ranking(
        "revenue_rank_overall",
        "revenue_rank_overall is the rank by net_sales among all items of the year.",
        f"RANK() OVER {_BY_NET_SALES.format('sale_year', '')}",
    ),
    _ranking(
        "revenue_row_no",
        "revenue_row_no numbers the items of the year by net_sales, highest first, then item_id, without a gap.",
        f"ROW_NUMBER() OVER {_BY_NET_SALES.format('sale_year', ', item_id')}",
    ),
    Invariant(
        "recomputed",
        "category_share",
        "category_share = net_sales / net_sales of the category in the year, and missing where that is no number.",
        ("category", "net_sales", "category_share"),
        query=rows_where(
            differs_from_quotient("category_share", "net_sales", "of_category"),
            _TABLE,
            _PART,
            of_category="SUM(net_sales) OVER (PARTITION BY sale_year, category)",
        ),
    ),
    Invariant(
        "recomputed",
        "cumulative_share",
        "cumulative_share = net_sales of the rows up to revenue_row_no / net_sales of the year, and missing where that is no "
        "number.",
        ("net_sales", "revenue_row_no", "cumulative_share"),
        query=rows_where(
            differs_from_quotient("cumulative_share", "so_far", "of_year"),
            _TABLE,
            _PART,
            so_far=_SO_FAR,
            of_year=_OF_YEAR,
        ),
    ),
    Invariant(
        "recomputed",
        "abc_class",
        "abc_class is A while the rows before have less than 0.80 of the year's net_sales, B while less than 0.95, else C; C "
        "where net_sales is 0 or less.",
        ("net_sales", "revenue_row_no", "abc_class"),
        query=rows_where(
            differs("abc_class", _ABC_CLASS),
            _TABLE,
            _PART,
            so_far=f"CAST({_SO_FAR} AS DECIMAL(18,2))",
            of_year=f"CAST({_OF_YEAR} AS DECIMAL(18,2))",
        ),
    ),
    Invariant(
        "recomputed",
        "gross_sales_yoy_pct",
        "Where gross_sales_yoy_pct is present, it is the growth of gross_sales over the year before.",
        ("item_id", "gross_sales", "gross_sales_yoy_pct"),
        query=rows_where(
            "gross_sales_yoy_pct IS NOT NULL AND before IS NOT NULL AND "
            + differs_from_quotient("gross_sales_yoy_pct", "(gross_sales - before)", "before"),
            _TABLE,
            _PART,
            before="SUM(gross_sales) OVER (PARTITION BY item_id ORDER BY TRY_CAST(sale_year AS INT) "
            "RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING)",
        ),
    ),
    Invariant(
        "totals",
        "category_share",
        "In every year the category_share of the items of a category add to 1, but for rounding.",
        ("category", "category_share"),
        query=f"SELECT {_PART} AS part, 1 AS n FROM {_TABLE} GROUP BY {_PART}, category "
        "HAVING CAST(ABS(SUM(category_share) - 1) AS DOUBLE) > 5.1e-7 * COUNT(*)",
    ),
    Invariant(
        "totals",
        "cumulative_share",
        "In every year cumulative_share ends at 1.",
        ("revenue_row_no", "cumulative_share"),
        query=rows_where(
            "revenue_row_no = items AND cumulative_share <> 1",
            _TABLE,
            _PART,
            items="COUNT(*) OVER (PARTITION BY sale_year)",
        ),
    ),
    Invariant(
        "totals",
        "sales",
        f"In every year, all sums of sale lines over the items equal those of silver: {', '.join(_OF_SALES)}.",
        tuple(_OF_SALES),
        query=balance(
            (
                side(_TABLE, {"part": _PART} | same(_OF_SALES)),
                side(SALES_BY_DAY, _YEAR | _OF_SALES),
            ),
            ("part",),
            _OF_SALES,
        ),
    ),
    Invariant(
        "totals",
        "returns",
        "In every year, all sums over what came back of its sales equal those of silver's returns that have their sale: "
        f"{', '.join(_OF_RETURNS)}.",
        _OF_RETURNS,
        query=balance(
            (
                side(_TABLE, {"part": _PART} | same(_OF_RETURNS)),
                side(_UNDONE_BY_DAY, _YEAR | less(_OF_RETURNS)),
            ),
            ("part",),
            _OF_RETURNS,
        ),
    ),
)
