"""The state store: audit trail, journal of intents and outbox, in one database."""

from reconciler.adapters.database.address import folder_of
from reconciler.adapters.database.opening import DEADLINE, open_store
from reconciler.adapters.database.outbox import Delivery, DeliveryState
from reconciler.adapters.database.sightings import sightings
from reconciler.adapters.database.store import Store

__all__ = ["DEADLINE", "Delivery", "DeliveryState", "Store", "folder_of", "open_store", "sightings"]
