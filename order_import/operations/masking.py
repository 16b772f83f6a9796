"""Mask personal data: a value is shown only if its field is well known and it has the field's form.

In many dead letters the fields are mixed up: a name is in the place of a number. Therefore a form
accepts only values that its field can have, and nothing that looks like a name, an address, an
e-mail address or a phone number. If in doubt, it masks: operators can show the whole message.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from handlers.payloads.json_text import looks_like_object, parse_json
from models.amazon_order import AmazonStatus, FulfillmentChannel, SalesChannel
from models.messages import DeadLetterCode
from models.reference_data import CommerceStatus, OrderNumberSource

Form = Callable[[str], bool]


def _like(pattern: str) -> Form:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _normalize(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


_AMAZONS_WORDS = """
cancelled merchant seller business prime premium preorder global-express iba amazon-business
amazon-prime amazon-bazaar amazon-haul easy-ship in-store-pickup order-change order-status-change
buyer-requested-change order-level order-item-level standard-order back-order replacement
long-lead-time-order sourcing-on-demand-order expedited free-economy next-day priority same-day
second-day scheduled standard
"""
"""Amazon's words for an order, its kind and its service, other than those in `models`."""
_OUR_WORDS = "recheck replay sync key-converter value-converter"
_NO_WORDS = """
true false yes no nan inf infinity null none nil undefined unknown n/a tbd test yesterday today
tomorrow now never
"""
"""Placeholders for unknown values."""

_KINDS: tuple[Iterable[str], ...] = (
    *(AmazonStatus, FulfillmentChannel, SalesChannel, CommerceStatus, OrderNumberSource),
    DeadLetterCode,
    f"{_AMAZONS_WORDS} {_OUR_WORDS} {_NO_WORDS}".split(),
)
_WORDS = frozenset(_normalize(word) for words in _KINDS for word in words)


def _is_word(text: str) -> bool:
    """Return whether a text is a known word in any spelling, or empty."""
    return text == "" or (_normalize(text) in _WORDS and text.isascii())


def _is_sku(text: str) -> bool:
    """Return whether a text looks like a SKU: uppercase or with a digit, but no long number."""
    is_code = any(map(str.isalpha, text)) and (text == text.upper() or any(map(str.isdigit, text)))
    return is_code and _is_like_sku(text) and not _has_phone_digits(text)


def _is_store(text: str) -> bool:
    """Return whether a text looks like a store id: lowercase, digits and marks, or few capitals."""
    return _is_like_store(text) and not _has_phone_digits(text)


def _is_item(text: str) -> bool:
    return re.fullmatch(r"\d{14}", text, re.ASCII) is not None or _is_sku(text)


def key_has_form(text: str) -> bool:
    """Return whether a message's key may be shown: of a store, order, product or listing."""
    store, slash, rest = text.partition("/")
    return any(form(text) for form in (_is_store, _is_order, _is_sku)) or (
        bool(slash) and _is_store(store) and (_is_order(rest) or _is_sku(rest))
    )


_is_like_sku = _like(r"[A-Za-z0-9][A-Za-z0-9._/#-]{0,39}")
_is_like_store = _like(r"[a-z0-9]+(?:[._/-][a-z0-9]+){0,5}|[A-Z0-9-]{2,6}")
_has_phone_digits = re.compile(r"\d{7}").search
_is_number = _like(r"[-+]?(?:\d{1,6}|\d{1,9}[.,][\dxX]{1,4})")
_is_order = _like(r"(?:\d{3}|[A-Z]\d{2})-\d{7}-\d{7}|\d{1,3}-\d{1,3}")
_is_date = _like(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?"
)
_is_id = _like(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|amzn1\.[a-z0-9.-]+\.[0-9a-f-]{8,64}|\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|\+00:00)?-[0-9a-f]{8}"
)
_is_amazon_id = _like(r"A(?=[A-Z]*\d)[A-Z0-9]{8,15}")
_is_channel = _like(r"(?i:(?:non-)?amazon(?:[. ][a-z]{2,3}){0,2})")
_is_service = _like(r"(?:Std|Exp)(?: [A-Z]{2})?(?: D2D)?(?: (?:Dom|Intl)(?:_\d)?)?")
_is_version = _like(r"v?\d{1,4}(?:[.-]\d{1,4}){0,2}")
_is_currency = _like(r"[A-Z]{3}")
_is_fact = _like(r"(?:store|product|listing):[A-Z0-9a-z._/-]{1,80}")
_is_machine_name = _like(r"[a-z][a-z0-9_]*(?:[.:/_-]+[A-Za-z0-9_$]+){1,12}|/[a-z0-9/._-]{1,80}")
_is_place = _like(r"[a-z0-9._-]{1,80}:\d{1,6}:\d{1,19}")

_FIELDS: tuple[tuple[Form, str], ...] = (
    (_is_store, "store_id"),
    (_is_order, "amazon_order_id order_id seller_order_id"),
    (_is_sku, "seller_sku sku asin"),
    (_is_item, "order_item_id"),
    (_is_amazon_id, "seller_id marketplace_id"),
    (_is_channel, "marketplace_name sales_channel channel_name"),
    (_is_id, "commerce_order_id notification_id application_id subscription_id replay_id"),
    (_is_id, "supply_source_id"),
    (_is_version, "notification_version payload_version"),
    (_is_fact, "fact"),
    (_is_service, "ship_service_level fulfillment_service_level"),
    (
        _is_date,
        """
        purchase_date last_update_date earliest_ship_date latest_ship_date created_time
        earliest_delivery_date latest_delivery_date last_updated_time earliest_date_time
        latest_date_time event_time time_of_order_change publish_time ship_time integrated_at
        updated_at as_of at requested_at
        """,
    ),
    (
        _is_number,
        """
        quantity quantity_ordered quantity_shipped quantity_fulfilled quantity_unfulfilled
        number_of_items_shipped number_of_items_unshipped salable_quantity amount
        """,
    ),
    (_is_currency, "currency currency_code"),
    (_like(r"\d{1,5}"), "code error"),
    (
        _is_word,
        """
        notification_type notification_level command status order_status order_item_status
        fulfillment_status fulfillment_channel fulfilled_by fulfillment_type order_type
        order_change_type change_reason order_programs programs order_number_source enabled
        commerce_counts_orders_from manage_stock
        """,
    ),
)
"""The form of each well-known field: ids, states, times, quantities, amounts, and error codes, by
their names in all accepted formats. A title is not among them: it can be anything."""

_BY_FIELD: Mapping[str, Form] = {
    name.replace("_", ""): form for form, names in _FIELDS for name in names.split()
}

_HEADERS: Mapping[str, Form] = {
    "store-id": _is_store,
    "content-type": _like(r"[a-z]+/[a-z0-9.+-]{1,60}(?:; ?charset=[A-Za-z0-9-]{1,20})?"),
    "traceparent": _like(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
    "ce_dataschema": _is_machine_name,
    "ce_id": _is_id,
    "ce_source": _is_machine_name,
    "ce_specversion": _is_version,
    "ce_subject": key_has_form,
    "ce_time": _is_date,
    "ce_type": _is_machine_name,
    "redrive-count": _is_number,
    "redriven-from": _is_place,
    "error-code": _like(r"\d{1,5}"),
    "__connect.errors.topic": _is_machine_name,
    "__connect.errors.partition": _is_number,
    "__connect.errors.offset": _is_number,
    "__connect.errors.connector.name": _is_machine_name,
    "__connect.errors.task.id": _is_number,
    "__connect.errors.stage": _is_word,
    "__connect.errors.class.name": _is_machine_name,
    "__connect.errors.exception.class.name": _is_machine_name,
    "__TypeId__": _is_machine_name,
}


def field_has_form(field: str, value: float | str) -> bool:
    """Return whether a text or number may be shown in a field of this name."""
    form = _BY_FIELD.get(_normalize(field))
    return form is not None and (form(str(value)) or _is_word(str(value)))


def header_has_form(name: str, text: str) -> bool:
    """Return whether a header's text may be shown."""
    form = _HEADERS.get(name)
    return form is not None and form(text)


MASK = "***"

_PERSONAL = (
    "buyer",
    "recipient",
    "customer",
    "address",
    "shipto",
    "contact",
    "name",
    "phone",
    "mail",
    "postal",
    "taxinfo",
    "taxid",
    "taxclass",
    "gift",
    "custom",
    "payment",
)
"""A field with any of these in its name is masked with everything in it."""

_NOT_PERSONAL = frozenset({"marketplacename", "channelname"})
_FIELD_NAME = re.compile(r"[A-Za-z_$@][\w.$-]{0,63}", re.ASCII)
_KEPT_IN_TEXT = re.compile(r'("[A-Za-z_$@][\w.$-]{0,63}"(?=\s*:)|\\x[0-9a-f]{2})', re.ASCII)
"""A field name, or an escaped byte."""


def masked(value: Any, field: str = "", *, is_personal: bool = False) -> Any:
    """Return a JSON value with everything masked that may be personal data.

    Field names, true, false and null are shown, and the values of well-known fields that have the
    form of their field, unless they are inside a field that `is_personal`.

    Raises:
        RecursionError: The value is nested too deeply.
    """
    is_personal = is_personal or _is_personal(field)
    match value:
        case dict():
            return {
                masked_name(name): masked(part, name, is_personal=is_personal)
                for name, part in value.items()
            }
        case list():
            return [masked(part, field, is_personal=is_personal) for part in value]
        case None | bool():
            return value
        case str() if looks_like_object(value) and not is_personal:
            try:
                return masked(parse_json(value))  # the content of an envelope
            except ValueError:
                return MASK
        case _:
            return value if field_has_form(field, value) and not is_personal else MASK


def masked_text(text: str) -> str:
    r"""Mask a text that is not JSON: keep field names and punctuation, and write `x` for the rest.

    Escaped bytes such as `\xff` are kept.
    """
    parts = _KEPT_IN_TEXT.split(text)
    return "".join(part if at % 2 else _mask_letters(part) for at, part in enumerate(parts))


def _mask_letters(text: str) -> str:
    return "".join("x" if character.isalnum() else character for character in text)


def _is_personal(field: str) -> bool:
    plain = _normalize(field)
    return plain not in _NOT_PERSONAL and any(part in plain for part in _PERSONAL)


def masked_name(name: str) -> str:
    """Return a name if it looks like a field or header name; otherwise mask it."""
    return name if _FIELD_NAME.fullmatch(name) else MASK
