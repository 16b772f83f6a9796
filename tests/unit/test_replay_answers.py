"""The answers of a step are stored together, in parts that fit into a document."""

from models.replay import (
    MOST_REASONS,
    ReplayAnswer,
    ReplayReason,
    ReplayResult,
    answers_to_record,
)
from storage.documents.replay import answers_from_document, answers_to_document
from tests.builders import NOW

_REASON = ReplayReason("out-of-stock", "SKU-1", 3, 1.0)


def _answer(number: int, reasons: int) -> ReplayAnswer:
    return ReplayAnswer(f"on/{number:02d}", ReplayResult.BLOCKED, (_REASON,) * reasons)


def test_few_reasons_make_one_part() -> None:
    answers = [_answer(number, 1) for number in range(500)]
    [recorded] = answers_to_record("r", 7, answers, NOW)
    assert recorded.result_id == "r/000007/000"
    assert recorded.answers == tuple(answers)


def test_many_reasons_make_more_parts_in_the_same_order() -> None:
    sizes = (MOST_REASONS - 1, 1, 1, 3 * MOST_REASONS, MOST_REASONS, 1)
    answers = [_answer(number, size) for number, size in enumerate(sizes)]
    parts = list(answers_to_record("r", 0, answers, NOW))
    assert [len(part.answers) for part in parts] == [2, 1, 1, 1, 1]
    assert [answer for part in parts for answer in part.answers] == answers
    ids = [part.result_id for part in parts]
    assert ids == sorted(set(ids))


def test_a_step_without_orders_has_one_empty_part() -> None:
    assert [part.answers for part in answers_to_record("r", 0, (), NOW)] == [()]


def test_a_stored_part_is_read_as_it_was() -> None:
    created = ReplayAnswer("on/1", ReplayResult.CREATED)
    for part in answers_to_record("r", 2, [_answer(0, 2), created], NOW):
        assert answers_from_document({**answers_to_document(part)}) == part
