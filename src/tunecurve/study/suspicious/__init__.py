"""Suspicious labels: rows where two cheap learners, both without having seen the row or its group, agree against its label.

Confident learning (Northcutt, Jiang and Chuang 2021, Journal of Artificial Intelligence Research 70): a row is suspicious if
another label is at least as likely, out of sample, as that label usually is for rows that have it.
"""
