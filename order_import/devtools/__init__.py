"""Tools for one machine: embedded servers, the demo, `up`, and the generator of the contract.

The image has none of them.
"""
