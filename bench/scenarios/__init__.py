"""All scenarios; the module of each has one `run(ground, sizes, runs)`, see `bench.ground.Scenario`."""

ALL = ("load", "sync", "budget", "regions", "memory", "hourly")
