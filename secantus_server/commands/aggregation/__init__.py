"""The commands aggregate, count, distinct and mapReduce."""
