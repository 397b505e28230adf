"""Runs otter's autograder in its container; the plugin in otter_config.json lets our engine answer."""

from otter.run.run_autograder import main

if __name__ == "__main__":
    main("/autograder")
