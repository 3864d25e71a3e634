"""What refreshes the lake by itself: sensors and schedules, and the requests that they and the command line make of Dagster."""
