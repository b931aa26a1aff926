"""How often the API may be asked: as often as the plan of the caller allows."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

from apps.accounts.models import User
from apps.billing import plans, powers

MINUTE = 60  # seconds


class PlanRateThrottle(UserRateThrottle):
    """Counts the requests of each account; in a studio without payments, against the rate of the settings."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if plans.connected() and isinstance(request.user, User):
            most = powers.of(request.user).number("api_rate")
            if most is None:
                return True
            self.num_requests, self.duration = int(most), MINUTE
        return super().allow_request(request, view)
