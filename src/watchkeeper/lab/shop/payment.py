"""Payment: charges a card through the bank, a system of somebody else."""

from watchkeeper.lab.shop.calls import Call, Json, Refused
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.server import Endpoint
from watchkeeper.lab.shop.service import Service
from watchkeeper.lab.shop.settings import ServiceSettings
from watchkeeper.lab.shop.trade import MINOR_UNITS, known


class Payment(Service):
    """Charges cards."""

    name = "payment"

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        super().__init__(settings, telemetry)
        self._minor_units = known(MINOR_UNITS, self.release.unsupported)
        self._charges = telemetry.meter.create_counter("shop.charges", "{charge}")

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [Endpoint("POST", "/charges", self.charge)]

    def charge(self, call: Call) -> Json:
        """Authorize the amount; refuses with 402 what the bank declines."""
        amount = self._in_minor_units(float(call.body["amount"]), call.shopper.currency)
        reference = ""
        for _ in range(max(1, self.release.per_item * int(call.body["items"]))):
            answer = self.peers["bank"].post(
                "/authorizations", call.shopper, {"amount": amount, "currency": call.shopper.currency}
            )
            reference = answer["reference"]
        approved = bool(answer["approved"])
        self._charges.add(1, {"app.currency": call.shopper.currency, "app.approved": approved})
        if not approved:
            self.log.warning("card declined for order %s: %s", call.body["order"], answer["reason"])
            raise Refused(402, "card declined")
        self.log.info(
            "charged order %s: %d %s, reference %s", call.body["order"], amount, call.shopper.currency, reference
        )
        return {"reference": reference}

    def _in_minor_units(self, amount: float, currency: str) -> int:
        return round(amount * 10.0 ** self._minor_units[currency])
