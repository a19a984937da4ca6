"""watchkeeper: a diagnosis assistant for the people on call."""

__version__ = "0.1.0"
