"""The server of the stand-in: it takes requests and page views on a local address, and fails when it is told to."""

import json
import logging
import re

from pytest_httpserver import HTTPServer
from werkzeug import Response

from tests.stripe_standin.objects import Refused
from tests.stripe_standin.pages import Pages
from tests.stripe_standin.requests import Requests


class Standin(Requests, Pages):
    """Stripe with a few customers."""

    def __init__(self, seed=0):
        super().__init__(seed)
        self.server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
        self.server.expect_request(re.compile("^/.*")).respond_with_handler(self._respond)
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.server.start()

    @property
    def url(self):
        return self.server.url_for("").rstrip("/")

    def stop(self):
        self.server.stop()

    def _respond(self, request):
        try:
            if not request.path.startswith("/v1/"):
                return self._page(request)
            if self.away:
                return Response(status=503, response='{"error": {"type": "api_error"}}', mimetype="application/json")
            if self.faults:
                status = self.faults.pop(0)
                type = {429: "rate_limit_error", 409: "idempotency_error"}.get(status, "api_error")
                return Response(
                    json.dumps({"error": {"type": type, "message": "Not now."}}), status, mimetype="application/json"
                )
            with self.lock:
                return self._answer(request)
        except Refused as refused:
            return Response(json.dumps({"error": refused.error}), refused.status, mimetype="application/json")
        except Exception as error:
            self.crashes.append(f"{request.method} {request.path}: {error!r}")
            raise
