"""Metrics for Prometheus: what a worker does, and the state of the whole installation.

No label has an order, a SKU or a buyer in it, and every label has few values. All values of a label
that is a code exist from the start, so that a rate is 0 and not missing before the first one.
"""
