"""GitHub's REST API as this program needs it: its own comments and issues, found again."""

from reconciler.adapters.github.posts import Issue, Posted, Posts
from reconciler.adapters.github.rest import Rest

__all__ = ["Issue", "Posted", "Posts", "Rest"]
