"""Recipes: one frozen dataclass per experiment, and the function that runs it."""
