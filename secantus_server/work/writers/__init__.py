"""The writers of documents, one file for each kind of collection, and the choice between them."""

from secantus_server.work.writers.choice import open_writer
from secantus_server.work.writers.writer import Writer

__all__ = ["Writer", "open_writer"]
