"""The way to HR: a webhook signed after Standard Webhooks, posted once, to where it may go."""

from reconciler.adapters.webhooks.notifier import Endpoint, WebhookNotifier

__all__ = ["Endpoint", "WebhookNotifier"]
