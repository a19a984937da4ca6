"""The catalogue: products by category, one product, prices of many, with a cache in the process."""

import threading
import time

from watchkeeper.lab.shop.calls import Call, Json, Refused
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.server import Endpoint
from watchkeeper.lab.shop.service import Service
from watchkeeper.lab.shop.settings import ServiceSettings
from watchkeeper.lab.shop.trade import EXCHANGE_RATES, PAGE, known

CACHE_SECONDS = 6.0


class Catalog(Service):
    """Knows the products."""

    name = "catalog"

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        super().__init__(settings, telemetry)
        self._rates = known(EXCHANGE_RATES, self.release.unsupported)
        self._cache: dict[str, tuple[float, list[Json]]] = {}
        self._lock = threading.Lock()

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [
            Endpoint("GET", "/categories/{category}/products", self.list_category),
            Endpoint("GET", "/products/{id}", self.show_product),
            Endpoint("GET", "/prices", self.list_prices),
        ]

    def list_category(self, call: Call) -> Json:
        """One page of a category."""
        category = call.path["category"]
        products = self._products_in(category)
        return {"category": category, "products": [self._priced(each, call) for each in products]}

    def show_product(self, call: Call) -> Json:
        """One product."""
        return self._priced(self._product(int(call.path["id"])), call)

    def list_prices(self, call: Call) -> Json:
        """Prices of the products that are asked for by id."""
        ids = [int(each) for each in call.query.get("ids", "").split(",") if each]
        if self.release.per_item:
            products = [self._product(each) for each in ids for _ in range(self.release.per_item)]
        else:
            rows = self.database.fetch("SELECT id, category, name, cents FROM products_by_id(%s)", [ids])
            products = [_product(row) for row in rows]
        return {"prices": {str(each["id"]): self._price(each, call.shopper.currency) for each in products}}

    def _products_in(self, category: str) -> list[Json]:
        with self._lock:
            kept = self._cache.get(category)
        if kept is not None and time.monotonic() < kept[0] and not self.release.per_item:
            return kept[1]
        rows = self.database.fetch("SELECT id, category, name, cents FROM category_page(%s, %s)", [category, PAGE])
        if not rows:
            raise Refused(404, f"no category {category}")
        products = [_product(row) for row in rows]
        for product in products:
            for _ in range(self.release.per_item):
                product["stock"] = self._stock(product["id"])
        with self._lock:
            self._cache[category] = (time.monotonic() + CACHE_SECONDS, products)
        return products

    def _product(self, product_id: int) -> Json:
        rows = self.database.fetch("SELECT id, category, name, cents FROM products_by_id(%s)", [[product_id]])
        if not rows:
            raise Refused(404, f"no product {product_id}")
        return _product(rows[0])

    def _stock(self, product_id: int) -> int:
        rows = self.database.fetch("SELECT stock FROM stock_of(%s)", [product_id])
        return int(rows[0][0]) if rows else 0

    def _priced(self, product: Json, call: Call) -> Json:
        return product | {"price": self._price(product, call.shopper.currency)}

    def _price(self, product: Json, currency: str) -> float:
        cents: int = product["cents"]
        return round(cents * self._rates[currency] / 100, 2)


def _product(row: tuple[int, str, str, int]) -> Json:
    return {"id": row[0], "category": row[1], "name": row[2], "cents": row[3]}
