"""How often the diagnosis is right: recorded incidents with known truth, through the plain pipeline, to scores."""
