"""The Dagster assets: one per table of each layer, each a thin call of the lake's materialisation."""

import warnings

import dagster as dg

# Range runs rest on backfill policies, which Dagster calls beta; a test pins what we rely on, so nobody needs telling 49 times.
warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=dg.BetaWarning)
