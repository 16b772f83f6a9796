"""Random histories through the program and through the reference model: they end alike.

`HISTORIES=10000 pytest tests/model` is the long form.
"""

import asyncio
import os
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model.histories import history
from tests.model.messages import Told
from tests.model.end import End
from tests.model.reference_model import Model
from tests.model.simulation import Simulation

HISTORIES = int(os.environ.get("HISTORIES", "600"))
many = settings(
    max_examples=HISTORIES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@many
@given(source=st.randoms(use_true_random=False))
def test_one_message_at_a_time_ends_as_the_model_says_whatever_is_cut_off(source: Random) -> None:
    told = history(source)
    assert asyncio.run(_one_at_a_time(told, source.randrange(2**32))) == _model(told)


async def _one_at_a_time(told: list[Told], seed: int) -> End:
    simulation = Simulation(Random(seed))
    try:
        for one in told:
            simulation.publish(one)
            await simulation.settle()
        return simulation.end()
    finally:
        await simulation.close()


def _model(told: list[Told]) -> End:
    model = Model()
    for one in told:
        model.take(one)
    return model.end()
