"""Tests of what is distributed: wheel, source distribution, image."""
