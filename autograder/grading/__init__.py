"""From submissions to results: `suite` runs tests, `topic` a topic's worker, `session` one submission, `batch` a class."""
