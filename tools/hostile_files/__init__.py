"""Try files that are broken or made to do harm on the codec: ``python -m tools.hostile_files``."""
