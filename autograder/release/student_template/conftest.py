"""So that `python -m pytest`, and with it VS Code's Testing panel, runs the public checks on your files."""

pytest_plugins = ["autograder.desk.plugin"]
