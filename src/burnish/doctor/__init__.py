"""Examines a network and its training, whoever wrote them: what is wrong, by which evidence, and what would cure it.

`subject` says what is examined, `anatomy` finds its layers in the traced function, `lab` trains it, `gauges` reads
scales off it, `probes` change one thing and compare, `rules` name what is wrong, and `examination` puts them in order.
"""
