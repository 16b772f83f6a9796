"""Print the buyer of an order and where to ship it: claim_buyer.py ORDER."""

import asyncio
import os
import sys

from order_import_client import BuyerErased, Buyers, BuyerUnknown

buyers = Buyers(os.environ["CONSOLE_URL"], os.environ["CONSOLE_TOKEN"])
try:
    claimed = asyncio.run(buyers.claim(sys.argv[1]))
except BuyerUnknown:
    sys.exit("Not known yet.")
except BuyerErased:
    sys.exit("Erased.")
print(claimed.model_dump_json(indent=2))
