"""Stand-ins for what runs a workflow on GitHub."""
