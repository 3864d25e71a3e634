"""Pure PySpark transforms, `DataFrame -> DataFrame`, by layer.

What belongs here: what the tables contain. What does not: reading, writing, sessions and orchestration. The code runs
on Spark Connect and on classic Spark, so it keeps to the DataFrame API that both have.
"""
