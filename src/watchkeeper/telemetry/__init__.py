"""How to ask what was recorded: the Protocols of telemetry, and the stores and adapters behind them."""
