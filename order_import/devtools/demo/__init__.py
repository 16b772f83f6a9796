"""The demo: two stores, a catalog and a day of orders, in which every outcome of the rules occurs.

All of it follows from a seed and the day it was first fed on: fed again, it is the same orders
once more, which changes nothing.
"""

from order_import.devtools.demo.show import run_demo

__all__ = ["run_demo"]
