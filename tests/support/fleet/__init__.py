"""A fleet of tenants for tests and `make bench`: their manifests, and a service that holds them."""
