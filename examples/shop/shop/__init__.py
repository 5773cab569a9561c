"""A shop: articles, orders, payments, a nightly job and a consumer of changes, on FastAPI and Beanie."""
