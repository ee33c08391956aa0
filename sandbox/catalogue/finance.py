"""Loans and investments, computed by numpy-financial."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, LazyModule, Tool, about, unprocessable
from sandbox.faults import Fault

npf = LazyModule("numpy_financial")

LOANS = Tool(
    slug="loan-planner",
    category="Finance",
    name="Loan Planner",
    description="Monthly payments, interest and remaining debt of loans and mortgages.",
    provider="ledger",
    backed_by="numpy-financial",
    licence="BSD-3-Clause",
)
INVESTMENTS = Tool(
    slug="investment-desk",
    category="Finance",
    name="Investment Desk",
    description="Net present values, rates of return and the growth of savings.",
    provider="ledger",
    backed_by="numpy-financial",
    licence="BSD-3-Clause",
)
Principal = Annotated[float, about("Amount borrowed", 250_000, ge=1, le=1e9)]
Rate = Annotated[float, about("Yearly interest in percent", 4.2, ge=0.01, le=100)]
Years = Annotated[int, about("Duration in years", 25, ge=1, le=50)]
Flows = Annotated[
    list[Annotated[float, Field(ge=-1e9, le=1e9)]],
    about(
        "Yearly cash flows, the investment first and negative",
        [-12_000, 3_500, 4_200, 5_100, 2_400],
        min_length=2,
    ),
]


def _money(value: Any) -> float:
    return rounded(value, 2)


def _payment(principal: float, rate: float, months: int) -> float:
    return -float(npf.pmt(rate / 1200, months, principal))


@LOANS.get("/payment")
def monthly_payment(principal: Principal, rate: Rate, years: Years) -> Answer:
    """Computes the monthly payment of a loan, the sum of all payments and the total interest."""
    payment = _payment(principal, rate, 12 * years)
    total = 12 * years * payment
    return {
        "monthly_payment": _money(payment),
        "total_paid": _money(total),
        "total_interest": _money(total - principal),
    }


@LOANS.get("/schedule")
def amortisation_schedule(
    principal: Principal,
    rate: Rate,
    months: Annotated[int, about("Number of monthly payments", ge=1, le=360)] = 120,
) -> Answer:
    """Lists every monthly payment of a loan with its interest, its repayment and the remaining debt."""
    payment, debt, rows = _payment(principal, rate, months), principal, []
    for month in range(1, months + 1):
        interest = debt * rate / 1200
        debt = max(0.0, debt + interest - payment)
        row = {"month": month, "interest": _money(interest), "repaid": _money(payment - interest)}
        rows.append(row | {"remaining": _money(debt)})
    return {"monthly_payment": _money(payment), "schedule": rows}


@LOANS.get("/remaining")
def remaining_debt(
    principal: Principal,
    rate: Rate,
    years: Years,
    paid_months: Annotated[int, about("Payments already made", 84, ge=0, le=600)],
) -> Answer:
    """Tells how much of a loan is still owed after some payments and how much interest was paid so far."""
    if paid_months > 12 * years:
        raise unprocessable(f"a loan over {years} years has only {12 * years} payments")
    payment = _payment(principal, rate, 12 * years)
    remaining = -float(npf.fv(rate / 1200, paid_months, -payment, principal))
    interest = paid_months * payment - (principal - remaining)
    return {
        "remaining": _money(remaining),
        "repaid": _money(principal - remaining),
        "interest_paid": _money(interest),
    }


@LOANS.get("/duration", fault=Fault.FLAKY)
def time_to_repay(
    principal: Principal,
    rate: Rate,
    payment: Annotated[float, about("Monthly payment", 1_650, ge=0.01, le=1e9)],
) -> Answer:
    """Computes how many months it takes to repay a loan with a given monthly payment."""
    if payment <= principal * rate / 1200:
        raise unprocessable(
            f"the payment must exceed the first month's interest, {principal * rate / 1200:.2f}"
        )
    months = float(npf.nper(rate / 1200, -payment, principal))
    return {
        "months": rounded(months, 2),
        "years": rounded(months / 12, 2),
        "total_paid": _money(months * payment),
    }


@LOANS.get("/affordable", fault=Fault.NEEDS_KEY)
def affordable_loan(
    payment: Annotated[float, about("Monthly payment one can afford", 900, ge=1, le=1e6)],
    rate: Rate,
    years: Years,
) -> Answer:
    """largest loan for a monthly payment"""
    return {"principal": _money(npf.pv(rate / 1200, 12 * years, -payment))}


@INVESTMENTS.get("/npv")
def net_present_value(
    flows: Flows, discount: Annotated[float, about("Yearly discount rate in percent", 6, ge=0.01, le=100)]
) -> Answer:
    """Discounts yearly cash flows to today; returns the net present value and the profitability index."""
    value = float(npf.npv(discount / 100, flows))
    index = 1 + value / -flows[0] if flows[0] < 0 else None
    return {"npv": _money(value), "profitability_index": None if index is None else rounded(index, 4)}


@INVESTMENTS.get("/irr")
def internal_rate_of_return(flows: Flows) -> Answer:
    """Finds the yearly rate of return, in percent, at which an investment breaks even."""
    if min(flows) >= 0 or max(flows) <= 0:
        raise unprocessable("cash flows need at least one negative and one positive amount")
    rate = float(npf.irr(flows))
    return {"irr_percent": rounded(100 * rate, 4), "sum_of_flows": _money(sum(flows))}


@INVESTMENTS.get("/savings")
def growth_of_savings(
    monthly: Annotated[float, about("Amount saved every month", 300, ge=0, le=1e6)],
    rate: Rate,
    years: Years,
    start: Annotated[float, about("Amount at the beginning", ge=0, le=1e9)] = 0,
    due: Annotated[Literal["end", "begin"], about("When in the month money is saved")] = "end",
) -> Answer:
    """Computes what regular savings grow to, and how much of it is interest."""
    final = -float(npf.fv(rate / 1200, 12 * years, monthly, start, when=due))
    paid = start + 12 * years * monthly
    return {"final_value": _money(final), "paid_in": _money(paid), "interest": _money(final - paid)}


@INVESTMENTS.get("/growth-table")
def compound_growth_table(
    amount: Annotated[float, about("Amount at the beginning", 10_000, ge=1, le=1e9)],
    rates: Annotated[
        list[Annotated[float, Field(ge=0.01, le=100)]],
        about("Yearly rates in percent to compare", [2, 3.5, 5, 7, 9], min_length=1, max_length=8),
    ],
    years: Annotated[int, about("Last year of the table", ge=1, le=60)] = 30,
) -> Answer:
    """Tabulates the value of a single investment year by year at several rates of interest."""
    rows = [
        {
            "year": year,
            "values": [{"rate": r, "value": _money(-npf.fv(r / 100, year, 0, amount))} for r in rates],
        }
        for year in range(1, years + 1)
    ]
    return {"amount": amount, "table": rows}


@INVESTMENTS.get("/required-rate", fault=Fault.SLOW)
def required_rate(
    start: Annotated[float, about("Amount today", 5_000, ge=1, le=1e9)],
    goal: Annotated[float, about("Amount wanted", 9_000, ge=1, le=1e9)],
    years: Years,
) -> Answer:
    """rate needed to get from one amount to another"""
    return {"rate_percent": rounded(100 * ((goal / start) ** (1 / years) - 1), 4)}
