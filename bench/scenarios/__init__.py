"""All scenarios by name; each module has one `run(ground, sizes, runs)`, see `bench.ground.Scenario`."""
