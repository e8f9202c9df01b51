"""Rules about data as pure functions of arrays: rows that learn, rows that judge, and what is wrong with them.

`rows` says what is looked at, `rule` what a rule is; each other file is one family. `register` has the table of all,
and `register.look` the findings of some or all of them:

    from burnish.diagnosis.data_rules import register, rows
    found = register.look(rows.of(x_train, y_train, x_dev, y_dev), codes=("DA2", "DA7", "DA10", "DA17", "DA18"))
"""
