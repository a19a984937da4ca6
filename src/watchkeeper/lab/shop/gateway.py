"""The gateway: what browsers talk to."""

from watchkeeper.lab.shop.calls import Call, Json, Refused, Shopper, UpstreamFailed
from watchkeeper.lab.shop.instrumentation import Telemetry
from watchkeeper.lab.shop.server import Endpoint
from watchkeeper.lab.shop.service import Service
from watchkeeper.lab.shop.settings import ServiceSettings
from watchkeeper.lab.shop.trade import CATEGORIES, LOCALES, known


class Gateway(Service):
    """Puts pages together."""

    name = "gateway"

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        super().__init__(settings, telemetry)
        self._locales = known(LOCALES, self.release.unsupported)

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [
            Endpoint("GET", "/", self.home),
            Endpoint("GET", "/categories/{category}", self.category),
            Endpoint("GET", "/products/{id}", self.product),
            Endpoint("GET", "/cart", self.cart),
            Endpoint("POST", "/cart/items", self.add_to_cart),
            Endpoint("POST", "/checkout", self.checkout),
        ]

    def home(self, call: Call) -> Json:
        """The start page."""
        featured = CATEGORIES[len(call.shopper.user) % len(CATEGORIES)]
        return self._page(call, self._listing(featured, call.shopper) | self._suggestions(1, call.shopper))

    def category(self, call: Call) -> Json:
        """The products of one category."""
        return self._page(call, self._listing(call.path["category"], call.shopper))

    def product(self, call: Call) -> Json:
        """One product, and what goes with it."""
        product = self.peers["catalog"].get("/products/{id}", call.shopper, id=call.path["id"])
        return self._page(call, product | self._suggestions(int(call.path["id"]), call.shopper))

    def cart(self, call: Call) -> Json:
        """The shopper's cart."""
        cart = self.peers["cart"].get("/carts/{session}", call.shopper, session=call.shopper.session)
        return self._page(call, cart)

    def add_to_cart(self, call: Call) -> Json:
        """Put something into the cart."""
        answer = self.peers["cart"].post(
            "/carts/{session}/items", call.shopper, call.body, session=call.shopper.session
        )
        return self._page(call, answer)

    def checkout(self, call: Call) -> Json:
        """Buy what is in the cart."""
        return self._page(call, self.peers["checkout"].post("/orders", call.shopper, {}))

    def _listing(self, category: str, shopper: Shopper) -> Json:
        catalog = self.peers["catalog"]
        listing = catalog.get("/categories/{category}/products", shopper, category=category)
        for product in listing["products"][: self.release.per_item]:
            product |= catalog.get("/products/{id}", shopper, id=product["id"])
        return listing

    def _suggestions(self, product: int, shopper: Shopper) -> Json:
        try:
            answer = self.peers["recommendations"].get("/recommendations", shopper, query={"product": str(product)})
        except (UpstreamFailed, Refused) as error:
            self.log.warning("page for product %d goes without recommendations: %s", product, error)
            return {"suggestions": []}
        return {"suggestions": answer["products"]}

    def _page(self, call: Call, content: Json) -> Json:
        return {"locale": self._locale(call.shopper.region), "content": content}

    def _locale(self, region: str) -> str:
        return self._locales[region]
