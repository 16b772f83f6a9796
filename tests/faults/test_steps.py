"""The steps at which a worker is killed are there: a renamed method must not go unnoticed."""

from typing import Any

import pytest

from tests.faults.worker import STEPS, Condition, Trap


class Looking(Trap):
    """Sets no trap, and looks whether it could."""

    def call(self, owner: Any, name: str) -> None:
        assert callable(getattr(owner, name))

    def before(self, owner: Any, name: str, only: Condition = lambda _: True) -> None:
        del only
        self.call(owner, name)

    def after(self, owner: Any, name: str, only: Condition = lambda _: True) -> None:
        del only
        self.call(owner, name)

    def during(self, owner: Any, name: str) -> None:
        self.call(owner, name)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_one_of_the_product(step: str) -> None:
    STEPS[step](Looking(step, 1, 9, armed=False))
