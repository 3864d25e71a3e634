"""The conformed words: one name for what the three channels say of sales and returns in different words.

`ss_ticket_number` and `cs_order_number` are both an `order_number`. Each word stands here once, with the column of each
channel's silver table that it means: gold is computed in these words, audited in them, and its lineage told in them. Channel
and month have no word, because they are the table and its partition.
"""

from __future__ import annotations

from collections.abc import Mapping

from lake_assets.contract.model import CHANNELS, Channel

_SALES_PREFIX: Mapping[Channel, str] = {"store": "ss", "catalog": "cs", "web": "ws"}
_RETURNS_PREFIX: Mapping[Channel, str] = {"store": "sr", "catalog": "cr", "web": "wr"}
_ORDER_NUMBER: Mapping[Channel, str] = {"store": "ticket_number", "catalog": "order_number", "web": "order_number"}
_RETURN_AMOUNT: Mapping[Channel, str] = {"store": "return_amt", "catalog": "return_amount", "web": "return_amt"}


def sales_words(channel: Channel) -> dict[str, str]:
    """Column of the channel's silver sales by its word. Date and customer are those of the order."""
    prefix = _SALES_PREFIX[channel]
    measures = (
        "quantity",
        "ext_list_price",
        "ext_sales_price",
        "coupon_amt",
        "net_paid",
        "ext_tax",
        "ext_wholesale_cost",
        "net_profit",
    )
    return {
        "date_sk": "sold_date_sk_resolved",
        "customer_sk": "customer_sk_resolved",
        "date_imputed": "sold_date_imputed",
        "order_number": f"{prefix}_{_ORDER_NUMBER[channel]}",
        "item_sk": f"{prefix}_item_sk",
        **{measure: f"{prefix}_{measure}" for measure in measures},
    }


def returns_words(channel: Channel) -> dict[str, str]:
    """Column of the channel's silver returns by its word. No customer: who brings goods back is often not who bought them."""
    prefix = _RETURNS_PREFIX[channel]
    return {
        "date_sk": f"{prefix}_returned_date_sk",
        "order_number": f"{prefix}_{_ORDER_NUMBER[channel]}",
        "item_sk": f"{prefix}_item_sk",
        "return_quantity": f"{prefix}_return_quantity",
        "return_amt": f"{prefix}_{_RETURN_AMOUNT[channel]}",
        "net_loss": f"{prefix}_net_loss",
    }


CONFORMED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "sales": {f"{channel}_sales": sales_words(channel) for channel in CHANNELS},
    "returns": {f"{channel}_returns": returns_words(channel) for channel in CHANNELS},
}
"""Words of `sales` and of `returns`: by silver table, the column by its word."""
