# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""statistic.py - the ratio of two servers from paired rounds, and how sure it is.

interval(pairs) -> (ratio, low, high): the geometric mean of the rounds' ratios and its 95% interval (Student's t over the
logarithms). Pairing takes out what both sides of a round suffered alike.
"""
import math
import statistics

# 97.5% quantile of Student's t by degrees of freedom; beyond the table the normal distribution's is close enough.
T_975 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09,
         2.09, 2.08, 2.07, 2.07, 2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04)
T_LIMIT = 1.96


def interval(pairs):
    """pairs: [(mine, base)]. With fewer than two rounds the interval is unbounded."""
    logs = [math.log(mine / base) for mine, base in pairs]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), 0.0, math.inf
    freedom = len(logs) - 1
    half = (T_975[freedom - 1] if freedom <= len(T_975) else T_LIMIT) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def is_decided(found, within):
    """Is the interval within that share of the ratio on either side?"""
    ratio, low, high = found
    return high <= ratio * (1 + within) and low >= ratio * (1 - within)
