"""The state store: audit trail, journal of intents and outbox, in one database."""

from reconciler.adapters.database.address import folder_of
from reconciler.adapters.database.outbox import Delivery, DeliveryState
from reconciler.adapters.database.sightings import sightings
from reconciler.adapters.database.store import Store, open_store

__all__ = ["Delivery", "DeliveryState", "Store", "folder_of", "open_store", "sightings"]
