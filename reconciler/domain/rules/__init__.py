"""What RFC 7643, the dialects and the manifests among themselves ask for, one small rule each."""

from reconciler.domain.rules.attribute import ATTRIBUTE_RULES
from reconciler.domain.rules.catalogue import CATALOGUE, LEFT_OPEN, Entry
from reconciler.domain.rules.characteristics import CHARACTERISTIC_RULES
from reconciler.domain.rules.fleet import FLEET_RULES, check_fleet
from reconciler.domain.rules.limits import Demand, Excess, excesses
from reconciler.domain.rules.rule import SCHEMA_PATH, Fault, Locate, Rule
from reconciler.domain.rules.schema import SCHEMA_RULES, check_schema
from reconciler.domain.rules.sites import AttributeSite, attribute_sites

__all__ = [
    "ATTRIBUTE_RULES",
    "CATALOGUE",
    "CHARACTERISTIC_RULES",
    "FLEET_RULES",
    "LEFT_OPEN",
    "SCHEMA_PATH",
    "SCHEMA_RULES",
    "AttributeSite",
    "Demand",
    "Entry",
    "Excess",
    "Fault",
    "Locate",
    "Rule",
    "attribute_sites",
    "check_fleet",
    "check_schema",
    "excesses",
]
