"""Aggregation pipelines. A pipeline is parsed and optimised once and then runs as a chain of generators over BSON documents.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline/
"""

from secantus_server.pipeline import stages  # noqa: F401  (makes the stages known; each is imported at first use)
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.host import PipelineHost, Resolved, TargetInfo
from secantus_server.pipeline.optimise import LeadingQuery, leading_query
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stage import Stage

__all__ = [
    "LeadingQuery",
    "Pipeline",
    "PipelineContext",
    "PipelineHost",
    "Resolved",
    "Stage",
    "TargetInfo",
    "leading_query",
    "parse_pipeline",
]
