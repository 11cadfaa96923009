"""Plain helpers that tests of several kinds share; fixtures are in the conftest.py of their level."""
