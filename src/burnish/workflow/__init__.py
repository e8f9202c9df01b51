"""The main job: one file for each stage. It alone executes work, looks at the clock and holds the loop."""
