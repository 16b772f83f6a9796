"""Tools for one machine: embedded servers, the demo, `up`, and the generator of the contract.

They are not part of the image.
"""
