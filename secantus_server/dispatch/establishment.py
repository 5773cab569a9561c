"""The names of the parameters and counters of the rate limit for new connections."""

from __future__ import annotations

from typing import Final

ENABLED: Final = "ingressConnectionEstablishmentRateLimiterEnabled"
#: The number of connections per second.
RATE: Final = "ingressConnectionEstablishmentRatePerSec"
#: For how many seconds unused capacity is kept for a burst.
BURST: Final = "ingressConnectionEstablishmentBurstCapacitySecs"
#: The number of connections that may wait. Further ones are closed.
DEPTH: Final = "ingressConnectionEstablishmentMaxQueueDepth"

#: The number of connections that wait.
QUEUED: Final = "establishmentsQueued"
#: The number of connections that were closed because too many waited.
REJECTED: Final = "establishmentsRejected"
#: The number of connections whose clients disconnected while they waited.
INTERRUPTED: Final = "establishmentsInterrupted"
