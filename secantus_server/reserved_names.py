"""The names of databases and collections that MongoDB reserves, for use by several packages.

https://www.mongodb.com/docs/manual/reference/system-collections/
"""

#: The databases that MongoDB itself uses.
INTERNAL_DATABASES = ("admin", "config", "local")
#: The prefix of the collection with the buckets of a time series.
BUCKETS = "system.buckets."
#: The collection that contains the definitions of a database's views.
VIEWS = "system.views"
#: The collection to which the profiler writes.
PROFILE = "system.profile"
