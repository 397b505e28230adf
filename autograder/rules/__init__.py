"""How grading.yml becomes a `Spec`: the file and its lines, what is wrong with it, and files that are based on it."""
