"""The document writers, with one module for each kind of collection, and the function that selects a collection's writer."""

from secantus_server.work.writers.choice import open_writer
from secantus_server.work.writers.writer import Writer

__all__ = ["Writer", "open_writer"]
