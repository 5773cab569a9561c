"""The reports of a test run: in the terminal, as JUnit XML, JSON and HTML, and as a documentation page."""
