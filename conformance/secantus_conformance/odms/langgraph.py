"""The test suite of langgraph-checkpoint-mongodb, from its source distribution."""

from __future__ import annotations

from secantus_conformance.odms.python_suite import PythonSuite

# The requirements are those that the package's development environment lists for tests.
SUITE = PythonSuite(
    name="langgraph-checkpoint-mongodb",
    version="0.5.1",
    requirements=(
        "langgraph-checkpoint-mongodb==0.5.1",
        "anyio>=4.4.0",
        "langchain-core>=1.2.5",
        "langchain-ollama>=1.0.0",
        "langchain-openai>=1.0.0",
        "langgraph>=1.0.0",
        "pytest-asyncio>=0.23.8",
        "pytest>=8.0.0",
        "pytest-mock>=3.11.1",
        "pytest-repeat>=0.9.3",
        "syrupy>=4.0.2",
    ),
    tests=("tests",),
    variables={"MONGODB_URI": "{uri}/?directConnection=true"},
)
