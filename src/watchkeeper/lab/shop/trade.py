"""What the shop sells, where, and for which money: the tables that its services share."""

from typing import TypeVar

V = TypeVar("V")

CATEGORIES = ("books", "garden", "kitchen", "toys", "audio", "outdoor", "office", "bath")
PRODUCTS_PER_CATEGORY = 40
PRODUCTS = len(CATEGORIES) * PRODUCTS_PER_CATEGORY
PAGE = 12
"""Products on one page."""

EXCHANGE_RATES = {"EUR": 1.0, "USD": 1.08, "GBP": 0.85, "SEK": 11.3, "JPY": 163.0}
CURRENCY_SHARES = {"EUR": 0.40, "USD": 0.25, "GBP": 0.15, "SEK": 0.12, "JPY": 0.08}
MINOR_UNITS = {"EUR": 2, "USD": 2, "GBP": 2, "SEK": 2, "JPY": 0}
VAT = {"eu-central": 0.19, "eu-north": 0.25, "us-east": 0.07, "uk": 0.20, "ap-japan": 0.10}
REGION_SHARES = {"eu-central": 0.38, "us-east": 0.25, "uk": 0.16, "eu-north": 0.13, "ap-japan": 0.08}
LOCALES = {"eu-central": "de_DE", "eu-north": "sv_SE", "us-east": "en_US", "uk": "en_GB", "ap-japan": "ja_JP"}
SHIPPING_DAYS = {"eu-central": 2, "eu-north": 4, "us-east": 5, "uk": 3, "ap-japan": 7}
TASTES = {"eu-central": 3, "eu-north": 5, "us-east": 7, "uk": 11, "ap-japan": 13}


def known(table: dict[str, V], unsupported: tuple[str, ...]) -> dict[str, V]:
    """The table as one release knows it."""
    return {key: value for key, value in table.items() if key not in unsupported}
