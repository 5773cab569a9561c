"""What a run looks like: on a terminal, as JUnit XML, as JSON, as an HTML page, as the page in the documentation."""
