"""The sentence made durable: steps that happen once, whatever dies meanwhile."""
