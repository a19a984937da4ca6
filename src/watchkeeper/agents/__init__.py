"""A language model that investigates further over the same evidence: its client, its graph, its agents."""
