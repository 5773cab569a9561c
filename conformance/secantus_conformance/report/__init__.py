"""Reports of a run: on a terminal, as JUnit XML, JSON and HTML, and as a documentation page."""
