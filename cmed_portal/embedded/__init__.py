"""The embedded shape: one command that prepares one machine, runs the portal on it and ends it."""
