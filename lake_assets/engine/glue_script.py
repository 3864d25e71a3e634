"""The script that a Glue job starts; the package comes as a wheel in the job's `--extra-py-files`."""

from lake_assets.engine.glue_job import main

main()
