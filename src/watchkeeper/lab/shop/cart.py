"""The cart: what each session wants to buy."""

from watchkeeper.lab.shop.calls import Call, Json, Shopper
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.server import Endpoint
from watchkeeper.lab.shop.service import Service
from watchkeeper.lab.shop.settings import ServiceSettings
from watchkeeper.lab.shop.trade import SHIPPING_DAYS, known


class Cart(Service):
    """Keeps carts."""

    name = "cart"

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        super().__init__(settings, telemetry)
        self._shipping_days = known(SHIPPING_DAYS, self.release.unsupported)
        self._added = telemetry.meter.create_counter("shop.cart.items", "{item}")

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [
            Endpoint("GET", "/carts/{session}", self.show),
            Endpoint("POST", "/carts/{session}/items", self.add),
            Endpoint("POST", "/carts/{session}/close", self.close_cart),
        ]

    def show(self, call: Call) -> Json:
        """The items of a cart with today's prices."""
        rows = self.database.fetch("SELECT product, quantity FROM cart_items(%s)", [call.path["session"]])
        prices = self._prices([int(row[0]) for row in rows], call.shopper)
        items = [{"id": row[0], "quantity": row[1], "price": prices.get(str(row[0]), 0.0)} for row in rows]
        return {
            "items": items,
            "total": sum(item["price"] * item["quantity"] for item in items),
            "days": self._delivery_days(call.shopper.region),
        }

    def add(self, call: Call) -> Json:
        """Put a product into the cart, at the price that the catalogue names."""
        product = self.peers["catalog"].get("/products/{id}", call.shopper, id=call.body["product"])
        days = self._delivery_days(call.shopper.region)
        self.database.fetch(
            "SELECT cart_add(%s, %s, %s)", [call.path["session"], product["id"], call.body.get("quantity", 1)]
        )
        self._added.add(1, {"app.region": call.shopper.region})
        self.log.info("added product %s to cart of session %s", product["id"], call.path["session"])
        return {"added": product["id"], "days": days}

    def close_cart(self, call: Call) -> Json:
        """Empty a cart that was bought."""
        self.database.fetch("SELECT cart_close(%s)", [call.path["session"]])
        return {"closed": True}

    def _prices(self, ids: list[int], shopper: Shopper) -> dict[str, float]:
        if not ids:
            return {}
        catalog = self.peers["catalog"]
        if not self.release.per_item:
            prices: dict[str, float] = catalog.get(
                "/prices", shopper, query={"ids": ",".join(str(each) for each in ids)}
            )["prices"]
            return prices
        return {
            str(each): catalog.get("/products/{id}", shopper, id=each)["price"]
            for each in ids
            for _ in range(self.release.per_item)
        }

    def _delivery_days(self, region: str) -> int:
        return self._shipping_days[region]
