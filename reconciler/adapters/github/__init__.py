"""GitHub's REST API as this program needs it: its own comments and issues, found again."""

from reconciler.adapters.github.posts import Issue, Posts, Written
from reconciler.adapters.github.rest import Rest

__all__ = ["Issue", "Posts", "Rest", "Written"]
