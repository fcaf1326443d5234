"""The host: a small planner that registers its models with the hub and serves them."""
