from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.errors import OverBudget, UsageError
from tasks.llm.budget import Ledger, Payment, refuse_uncountable
from tasks.llm.chat import Reply, Usage
from tasks.llm.failures import Cost
from tasks.llm.params import BudgetParams, Caps, JudgeParams, LlmParams
from tasks.llm.spending import Spent
from warehouse.tables.accounts import LlmCall


def llm(**params: Any) -> LlmParams:
    settings = {"model": "m", "max_tokens": 100, "price_in": 1.0, "price_out": 2.0, **params}
    return LlmParams(base_url="http://127.0.0.1:1/v1", **settings)


def ledger_with(**caps: Any) -> Ledger:
    return Ledger(BudgetParams(**caps), llm())


async def spend(ledger: Ledger, tokens_in: int = 50) -> None:
    """A request that takes `tokens_in` + 10 tokens, and 160 at worst."""
    payment = Payment(ledger, tokens_in=60, max_tokens=100)
    await payment.admit()
    await asyncio.sleep(0.001)
    payment.settle(Usage(tokens_in, 10), 0)


async def spend_until_over(ledger: Ledger, n: int) -> list[object]:
    return await asyncio.gather(*(spend(ledger) for _ in range(n)), return_exceptions=True)


def test_without_caps_everything_is_counted() -> None:
    ledger = ledger_with()
    asyncio.run(spend_until_over(ledger, 3))
    assert replace(ledger.used, usd=0.0) == Spent(requests=3, tokens_in=150, tokens_out=30)
    assert ledger.used.usd == pytest.approx(210e-6)


@pytest.mark.parametrize(
    ("caps", "used"),
    [
        ({"max_requests": 5}, Spent(5, 250, 50)),
        ({"max_tokens": 1000}, Spent(15, 750, 150)),
        ({"max_usd": 0.001}, Spent(11, 550, 110)),
        ({"max_requests": 0}, Spent()),
        ({"max_tokens": 159}, Spent()),
    ],
)
def test_a_cap_is_used_up_and_never_passed(caps: dict[str, float], used: Spent) -> None:
    ledger = ledger_with(**caps)
    results = asyncio.run(spend_until_over(ledger, 64))
    assert replace(ledger.used, usd=0.0) == used
    assert [type(result) for result in results if result is not None] == [OverBudget] * (64 - used.requests)


def test_what_over_budget_says() -> None:
    ledger = ledger_with(max_tokens=1000)
    error = next(result for result in asyncio.run(spend_until_over(ledger, 64)) if result is not None)
    assert isinstance(error, OverBudget)
    assert error.message == (
        "the next request could pass [budget] max_tokens = 1000: used so far are 15 requests, 900 tokens, "
        "0.0010 USD; the request may take 160 tokens"
    )
    assert error.fix is not None
    assert "raise [budget] max_tokens and run the same command again" in error.fix


def fail(payment: Payment, cost: Cost) -> None:
    payment.sent()
    payment.failed(cost)


def after_admit(act: Callable[[Payment], None]) -> Spent:
    async def run() -> Spent:
        ledger = ledger_with(max_tokens=10_000)
        payment = Payment(ledger, tokens_in=60, max_tokens=100)
        await payment.admit()
        act(payment)
        payment.release()
        await spend(ledger, tokens_in=1)
        return ledger.used

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("act", "used"),
    [
        (Payment.release, Spent(1, 1, 10)),
        (lambda payment: fail(payment, Cost.NOTHING), Spent(1, 1, 10)),
        (lambda payment: fail(payment, Cost.REQUEST), Spent(2, 1, 10)),
        (lambda payment: fail(payment, Cost.WORST), Spent(2, 61, 110)),
        (Payment.sent, Spent(2, 61, 110)),
        (lambda payment: payment.settle(Usage(), 7), Spent(2, 61, 17)),
        (lambda payment: payment.settle(Usage(50, 0), 7), Spent(2, 51, 17)),
        (lambda payment: payment.settle(Usage(0, 30), 7), Spent(2, 61, 40)),
    ],
    ids=["released", "not sent", "refused", "lost", "broken off", "no usage", "of one side", "of the other"],
)
def test_what_a_request_without_a_count_costs(act: Callable[[Payment], None], used: Spent) -> None:
    assert replace(after_admit(act), usd=0.0) == used


def test_an_endpoint_that_counts_more_than_estimated_raises_later_estimates() -> None:
    async def run() -> Ledger:
        ledger = ledger_with(max_tokens=1000)
        for _ in range(20):
            await spend(ledger, tokens_in=240)
        return ledger

    with pytest.raises(OverBudget, match="the request may take 340 tokens"):
        asyncio.run(run())


def test_an_interrupted_wait_leaves_the_queue_usable() -> None:
    async def run() -> Spent:
        ledger = ledger_with(max_tokens=200)
        holder = Payment(ledger, tokens_in=60, max_tokens=100)
        await holder.admit()
        waiting = asyncio.create_task(spend(ledger))
        following = asyncio.create_task(spend(ledger))
        await asyncio.sleep(0.01)
        waiting.cancel()
        holder.release()
        await following
        return ledger.used

    assert replace(asyncio.run(run()), usd=0.0) == Spent(1, 50, 10)


@pytest.mark.parametrize(
    ("caps", "params", "named"),
    [
        ({"max_usd": 1}, {"price_in": None}, "price_in"),
        ({"max_usd": 1}, {"price_out": None}, "price_out"),
        ({"max_usd": 1}, {"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 1}, {"max_tokens": None}, "max_tokens"),
    ],
)
def test_a_cap_that_could_not_be_kept_is_refused(
    caps: dict[str, float], params: dict[str, None], named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_uncountable(BudgetParams.model_validate(caps), {"annotate": (llm(**params),)})
    assert f"set [llm] {named}" in (caught.value.fix or "") or named in caught.value.message


def test_requests_can_be_capped_without_prices() -> None:
    unknown = llm(price_in=None, price_out=None, max_tokens=None)
    refuse_uncountable(BudgetParams(max_requests=1), {"annotate": (unknown,)})


@pytest.mark.parametrize(("price_out", "cost"), [(2.0, 0.00007), (None, None)])
def test_cost(price_out: float | None, cost: float | None) -> None:
    assert llm(price_out=price_out).cost_usd(50, 10) == cost


STAGES = BudgetParams(max_requests=7, stages={"annotate": Caps(max_requests=3)})


def spend_on(ledger: Ledger, stage: str, n: int) -> list[object]:
    async def one() -> None:
        payment = Payment(ledger, tokens_in=60, max_tokens=100, stage=stage)
        await payment.admit()
        await asyncio.sleep(0.001)
        payment.settle(Usage(50, 10), 0)

    async def all_of_them() -> list[object]:
        return await asyncio.gather(*(one() for _ in range(n)), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_a_stage_has_caps_of_its_own_within_those_of_the_run() -> None:
    ledger = Ledger(STAGES, llm())
    counts = {stage: spend_on(ledger, stage, 5).count(None) for stage in ("annotate", "propose")}
    assert counts == {"annotate": 3, "propose": 4}
    assert ledger.used.requests == 7


def test_what_over_the_budget_of_a_stage_says() -> None:
    ledger = Ledger(STAGES, llm())
    error = next(result for result in spend_on(ledger, "annotate", 5) if result is not None)
    assert isinstance(error, OverBudget)
    assert error.message.startswith(
        "the next request could pass [budget.stages.annotate] max_requests = 3: used so far are 3 requests"
    )


def test_dollars_of_a_stage_without_prices_are_refused() -> None:
    budget = BudgetParams(stages={"annotate": Caps(max_usd=1)})
    with pytest.raises(UsageError, match=r"\[budget.stages.annotate\] max_usd = 1 cannot be kept"):
        refuse_uncountable(budget, {"annotate": (llm(price_in=None),)})


@pytest.mark.parametrize("told", [True, False])
def test_the_first_request_under_a_cap_goes_alone(told: bool) -> None:
    """An endpoint that bills more than it was asked for is found out before many are in flight."""

    async def run() -> tuple[int, int]:
        ledger = ledger_with(max_tokens=4_000)
        most = in_flight = 0

        async def ask() -> None:
            nonlocal most, in_flight
            payment = Payment(ledger, tokens_in=15, max_tokens=100)
            await payment.admit()
            in_flight += 1
            most = max(most, in_flight if ledger.used.requests == 0 else 0)
            await asyncio.sleep(0.001)
            in_flight -= 1
            payment.settle(Usage(15, 600) if told else Usage(), 600)

        await asyncio.gather(*(ask() for _ in range(29)), return_exceptions=True)
        return most, ledger.used.tokens

    most, used = asyncio.run(run())

    assert most == 1
    assert (used <= 4_000) is told


def test_a_first_request_that_fails_lets_the_next_one_go() -> None:
    async def run() -> int:
        ledger = ledger_with(max_tokens=4_000)
        first, second = (Payment(ledger, tokens_in=15, max_tokens=100) for _ in range(2))
        await first.admit()
        waiting = asyncio.create_task(second.admit())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        first.failed(Cost.NOTHING)
        await asyncio.wait_for(waiting, 1)
        second.settle(Usage(15, 20), 20)
        return ledger.used.tokens

    assert asyncio.run(run()) == 35


def test_what_an_endpoint_bills_beyond_the_longest_reply_is_set_aside_from_then_on() -> None:
    async def run() -> str:
        ledger = ledger_with(max_tokens=1_000)
        payment = Payment(ledger, tokens_in=50, max_tokens=100)
        await payment.admit()
        payment.settle(Usage(50, 800), 10)
        with pytest.raises(OverBudget) as caught:
            await Payment(ledger, tokens_in=50, max_tokens=100).admit()
        return caught.value.message

    assert asyncio.run(run()).endswith("the request may take 850 tokens")


@pytest.mark.parametrize(
    ("own", "discount", "usd"),
    [
        ({}, 0.0, 70e-6),
        ({"price_in": 10.0, "price_out": 20.0}, 0.0, 700e-6),
        ({"price_in": 10.0, "price_out": 20.0}, 0.5, 350e-6),
        ({"price_in": 0.1, "price_out": 0.2}, 0.0, 7e-6),
    ],
)
def test_another_endpoint_is_paid_at_its_own_prices(
    own: dict[str, float], discount: float, usd: float
) -> None:
    ledger = ledger_with(max_usd=1)
    calls: list[LlmCall] = []
    ledger.recorder = SimpleNamespace(record=calls.append)

    async def ask() -> None:
        payment = Payment(ledger, llm=llm(model="j", **own), discount=discount, tokens_in=60, max_tokens=100)
        await payment.admit()
        payment.received(Reply(content="x", usage=Usage(50, 10)))

    asyncio.run(ask())
    assert ledger.used.cost_usd == pytest.approx(usd)
    (call,) = calls
    assert call.model == "j"
    assert call.cost_usd == pytest.approx(usd)


def test_a_cap_in_dollars_holds_for_requests_to_another_endpoint() -> None:
    ledger = ledger_with(max_usd=0.001)
    dear = llm(model="j", price_in=10.0, price_out=20.0)

    async def ask() -> None:
        payment = Payment(ledger, llm=dear, tokens_in=60, max_tokens=100)
        await payment.admit()

    with pytest.raises(OverBudget):
        asyncio.run(ask())


def test_a_judge_whose_replies_cannot_be_counted_is_refused_by_the_name_of_its_section() -> None:
    judge = JudgeParams(base_url="http://127.0.0.1:1/v1", model="j")
    with pytest.raises(UsageError) as refused:
        refuse_uncountable(BudgetParams(max_usd=1), {"annotate": (llm(),), "evaluate": (judge,)})
    assert "[evaluate.judge] price_in is not set" in refused.value.message


UNPRICED = {"price_in": None, "price_out": None}


@pytest.mark.parametrize(
    ("writer", "judge", "written", "judged", "together"),
    [
        ({}, UNPRICED, 70e-6, None, None),
        (UNPRICED, {}, None, 70e-6, None),
        (UNPRICED, UNPRICED, None, None, None),
        ({}, {"price_in": 10.0, "price_out": 20.0}, 70e-6, 700e-6, 770e-6),
    ],
)
def test_each_request_is_priced_by_the_endpoint_it_asks(
    writer: dict[str, Any], judge: dict[str, Any], written: float, judged: float, together: float | None
) -> None:
    ledger = Ledger(BudgetParams(), llm(**writer))
    own = Payment(ledger).priced(50, 10)
    of_judge = Payment(ledger, llm=llm(model="j", **judge)).priced(50, 10)

    costs = [own.cost_usd, of_judge.cost_usd, (own + of_judge).cost_usd, (own + of_judge - own).cost_usd]

    assert costs == [
        None if usd is None else pytest.approx(usd) for usd in (written, judged, together, judged)
    ]


def test_dollars_of_a_judge_are_capped_beside_a_writer_without_a_price() -> None:
    budget = BudgetParams(stages={"evaluate": Caps(max_usd=0.001)})
    ledger = Ledger(budget, llm(**UNPRICED))

    async def ask(stage: str, of: LlmParams | None) -> None:
        payment = Payment(ledger, stage, llm=of, tokens_in=60, max_tokens=100)
        await payment.admit()
        payment.settle(Usage(50, 10), 0)

    async def ask_until_over() -> None:
        for _ in range(64):
            await ask("annotate", None)
            await ask("evaluate", llm(model="j"))

    with pytest.raises(OverBudget) as over:
        asyncio.run(ask_until_over())
    assert over.value.message.startswith(
        "the next request could pass [budget.stages.evaluate] max_usd = 0.001: used so far are 11 requests, "
        "660 tokens, 0.0008 USD"
    )
    assert ledger.used.requests == 23


def test_a_request_that_fits_exactly_waits_for_no_rest_of_rounding() -> None:
    ledger = ledger_with(max_usd=100e-6)
    ledger._run.set_aside = Spent(usd=0.1 + 0.2 - 0.3)  # as sums and differences leave it

    asyncio.run(asyncio.wait_for(Payment(ledger, tokens_in=100).admit(), 1))

    assert ledger._run.set_aside.requests == 1
