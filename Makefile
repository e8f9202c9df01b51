# Shorthand for `python dev.py VERB`, which says what each verb does.
PYTHON ?= .venv-dev/bin/python

.PHONY: check fix test test-full bench docs
check fix test test-full bench docs:
	$(PYTHON) dev.py $@
