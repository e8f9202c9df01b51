"""Findings of a run: what its predictions and its seeds show beyond bias and variance, and a word on each rule.

`slices`, `calibration`, `threshold` and `seeds` are pure functions of predictions for rows that did not train it;
`register` has the table of all rules of a run, those on curves and error budgets included.
"""
