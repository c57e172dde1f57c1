"""Expected cash by week, from each customer's own habits: `expected` and `how_good` read what was kept, `of_customer` tells of
one customer, `foresee` reckons, `keep` is the step of the day, `look_back` tries it on past days.
"""
