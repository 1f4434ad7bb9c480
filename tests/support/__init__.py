"""Helpers of the tests: servers, processes, worlds and fakes; no test is in here."""
