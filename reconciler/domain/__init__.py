"""Values and decisions: no clock, environment, network, logging or order that depends on a hash."""
