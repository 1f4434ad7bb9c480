"""Recipes: what a person can do about a change that is blocked, one text a reason."""

PROTECTED = "the URN belongs to the vendor or to an RFC; choose one of your own"
NO_CREATE = (
    "{} does not let schemas be created; have the schema made in the service's own console, "
    "then plan again"
)
NO_UPDATE = (
    "{} cannot change a schema; bring what is new as an attribute of a new schema, move the "
    "values there (reconciler migrate writes the steps), and never delete and recreate: that "
    "deletes what users hold"
)
ONLY_ATTRIBUTES = (
    "{} takes changes of attributes only, and the description of the schema itself would change; "
    "bring it back to what is live, or leave it out and write manages: attributes"
)
NO_REMOVAL = (
    "a PATCH from here takes nothing out, and the description of the schema itself would go; write "
    "the live one into the manifest, or write manages: attributes"
)
IGNORED = (
    "{} accepts a change of {} and drops it; bring the manifest back to what is live, or add a new "
    "attribute beside the old one and move the values: reconciler migrate writes the steps"
)
IMMUTABLE = (
    "{} never changes {} of a live attribute; bring the manifest back to what is live, or add a "
    "new attribute beside the old one and move the values: reconciler migrate writes the steps"
)
INCOMPATIBLE = (
    "An update here adds optional attributes, changes descriptions, adds canonical values and "
    "loosens, nothing else; add a new attribute beside the old one and move the values "
    "(reconciler migrate writes the steps), or bring the manifest back to what is live"
)
FULL = (
    "the tenant's limit of {limit} extensions is reached; retire one that is not used, or raise "
    "spec.limits.extensions if the service really allows more"
)
