"""One outside thing each: files, git, HTTP, OAuth2, the database, webhooks, the environment."""
