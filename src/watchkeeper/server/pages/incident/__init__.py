"""The page of one incident: what is wrong and why, what it rests on, what to do, and what was done."""

from watchkeeper.server.pages.incident.talk import Asking
from watchkeeper.server.pages.incident.whole import show

__all__ = ["Asking", "show"]
