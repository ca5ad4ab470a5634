"""The writer's promises, each proven by running code: kills, failing calls, power cuts, spies, obstacles, readers."""
