"""One module per command: arguments, wiring and exit codes; the only place that prints."""
