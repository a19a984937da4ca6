"""Recommendations: what else a shopper may like."""

from watchkeeper.lab.shop.calls import Call, Json, Shopper
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.server import Endpoint
from watchkeeper.lab.shop.service import Service
from watchkeeper.lab.shop.settings import ServiceSettings
from watchkeeper.lab.shop.trade import PRODUCTS, TASTES, known

SHOWN = 4


class Recommendations(Service):
    """Suggests products."""

    name = "recommendations"

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        super().__init__(settings, telemetry)
        self._tastes = known(TASTES, self.release.unsupported)

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [Endpoint("GET", "/recommendations", self.suggest)]

    def suggest(self, call: Call) -> Json:
        """A few products that go with the one shown, with their prices."""
        seed = int(call.query.get("product", "1"))
        ids = self._similar(seed, call.shopper.region)
        return {"products": [{"id": each, "price": price} for each, price in self._prices(ids, call.shopper).items()]}

    def _similar(self, product: int, region: str) -> list[int]:
        step = self._taste(region)
        return [(product + step * n) % PRODUCTS + 1 for n in range(1, SHOWN + 1)]

    def _prices(self, ids: list[int], shopper: Shopper) -> dict[str, float]:
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

    def _taste(self, region: str) -> int:
        return self._tastes[region]
