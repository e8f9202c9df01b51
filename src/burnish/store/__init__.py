"""Run folders: the only place that knows files, SQLite and what a run leaves behind."""
