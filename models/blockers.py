"""Why an order cannot become a Commerce order, and what an operator can do about it."""

from pydantic import Field

from models.base import Value
from models.reasons import BlockerCode


class Blocker(Value):
    """One cause, for one product of one order (rules 7 to 9).

    `required` and `available` are units, over all lines of the order that need the product;
    `available` is `None` if the product is unknown or its stock is not managed; `stock_id` is the
    stock that has not enough. `similar_sku` is a SKU in the catalog that differs only by case,
    blanks or Unicode form, if there is one.
    """

    code: BlockerCode
    seller_sku: str | None
    sku: str | None
    asin: str | None
    order_item_ids: tuple[str, ...]
    required: int
    available: float | None
    remedy: str
    stock_id: str | None = Field(
        default=None, description="The stock that has not enough units, if it is `out-of-stock`"
    )
    similar_sku: str | None = Field(
        default=None,
        description=("A SKU in the catalog that differs only by case, blanks or Unicode form"),
    )
