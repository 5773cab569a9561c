"""What the stages that compute and combine scores share: `$rankFusion`, `$scoreFusion` and `$score`."""
