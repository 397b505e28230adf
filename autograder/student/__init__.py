"""What runs where the student's code runs. Imports nothing else of the engine: assume that the student reads it.

`zygote` is started once and forks a `worker` for each topic of a submission; the worker confines itself (`jail`),
loads the student's module onto a `workbench`, and answers requests that cross a `channel` as data (`wire`).
"""
