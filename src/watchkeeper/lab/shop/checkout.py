"""The checkout: turns a cart into an order that is paid."""

import uuid

from watchkeeper.lab.shop.calls import Call, Json, Refused, UpstreamFailed
from watchkeeper.lab.shop.database import Session
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.server import Endpoint
from watchkeeper.lab.shop.service import Service
from watchkeeper.lab.shop.settings import ServiceSettings
from watchkeeper.lab.shop.trade import VAT, known


class Checkout(Service):
    """Takes orders."""

    name = "checkout"

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        super().__init__(settings, telemetry)
        self._vat = known(VAT, self.release.unsupported)
        self._orders = telemetry.meter.create_counter("shop.orders", "{order}")
        self._revenue = telemetry.meter.create_counter("shop.revenue", "EUR")

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [Endpoint("POST", "/orders", self.place)]

    def place(self, call: Call) -> Json:
        """Place and pay the order of the session's cart; refuses an empty cart and a declined card."""
        session = call.shopper.session
        cart = self.peers["cart"].get("/carts/{session}", call.shopper, session=session)
        if not cart["items"]:
            raise Refused(409, "the cart is empty")
        total = self._total(cart["items"], call)
        order = str(uuid.uuid4())
        with self.database.session() as connection, connection.transaction():
            connection.fetch("SELECT order_open(%s, %s, %s)", [order, session, total])
            self._reserve(connection, cart["items"])
            paid = self.peers["payment"].post(
                "/charges", call.shopper, {"order": order, "amount": total, "items": len(cart["items"])}
            )
            connection.fetch("SELECT order_paid(%s, %s)", [order, paid["reference"]])
        self._close(call)
        self._orders.add(1, {"app.currency": call.shopper.currency, "app.region": call.shopper.region})
        self._revenue.add(total)
        self.log.info("order %s placed: %d items, %.2f %s", order, len(cart["items"]), total, call.shopper.currency)
        return {"order": order, "total": total}

    def _total(self, items: list[Json], call: Call) -> float:
        ids = ",".join(str(item["id"]) for item in items)
        prices = self.peers["catalog"].get("/prices", call.shopper, query={"ids": ids})["prices"]
        net: float = sum(prices.get(str(item["id"]), 0.0) * item["quantity"] for item in items)
        gross = net * (1 + self._tax_rate(call.shopper.region))
        return round(gross, 2)

    def _reserve(self, connection: Session, items: list[Json]) -> None:
        ids = [int(item["id"]) for item in items]
        if not self.release.per_item:
            connection.fetch("SELECT reserve_stock(%s)", [ids])
            return
        for each in ids:
            for _ in range(self.release.per_item):
                connection.fetch("SELECT reserve_stock(%s)", [[each]])

    def _close(self, call: Call) -> None:
        try:
            self.peers["cart"].post("/carts/{session}/close", call.shopper, {}, session=call.shopper.session)
        except UpstreamFailed as error:
            self.log.warning("cart of session %s stays open: %s", call.shopper.session, error)

    def _tax_rate(self, region: str) -> float:
        return self._vat[region]
