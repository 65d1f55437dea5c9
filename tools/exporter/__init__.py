"""The parts of tools/export_decoder.py; its head says what they are for."""
