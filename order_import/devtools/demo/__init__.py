"""The demo: two stores, a catalog and a day of orders, with every outcome of the rules.

Everything is derived from a seed and the day of the first run: a second run sends the same orders
again, which changes nothing.
"""

from order_import.devtools.demo.show import run_demo

__all__ = ["run_demo"]
