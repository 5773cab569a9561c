"""Names of collections that MongoDB reserves and that several packages know.

https://www.mongodb.com/docs/manual/reference/system-collections/
"""

#: The prefix of the collection with the buckets of a time series.
BUCKETS = "system.buckets."
#: The definitions of a database's views.
VIEWS = "system.views"
#: The collection that the profiler writes to.
PROFILE = "system.profile"
