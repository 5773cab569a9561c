"""Code shared by the stages that compute and combine scores: `$rankFusion`, `$scoreFusion` and `$score`."""
