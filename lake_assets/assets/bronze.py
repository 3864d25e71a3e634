"""Bronze assets: every source table as delivered, one partition per batch of source files."""

import dagster as dg

from lake_assets.assets.factory import lake_asset
from lake_assets.contract.layers import BRONZE

bronze_assets = [lake_asset(table, dg.BackfillPolicy.single_run()) for table in BRONZE.values()]
