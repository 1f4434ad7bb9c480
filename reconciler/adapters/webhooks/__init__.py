"""The way to HR: a webhook signed after Standard Webhooks, posted once, to where it may go."""

from reconciler.adapters.webhooks.destinations import Unusable
from reconciler.adapters.webhooks.notifier import Endpoint, WebhookNotifier
from reconciler.adapters.webhooks.signatures import KEY_WANTED, signing_key

__all__ = ["KEY_WANTED", "Endpoint", "Unusable", "WebhookNotifier", "signing_key"]
