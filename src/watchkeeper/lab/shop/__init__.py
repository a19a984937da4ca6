"""The shop itself: six services, each a process of its own, and the bank outside."""
