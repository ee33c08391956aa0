"""Statistics of samples, from the standard library's statistics."""

from __future__ import annotations

import statistics
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, Tool, about, unprocessable
from sandbox.faults import Fault

STATISTICS = Tool(
    slug="statistics-box",
    category="Mathematics",
    name="Statistics Box",
    description="Describes samples: averages, spread, quantiles, correlation, regression.",
    provider="gauss",
    backed_by="statistics",
    licence="PSF-2.0",
)
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Sample = Annotated[
    list[Number],
    about("The numbers of the sample", [12.4, 15.1, 9.8, 20.3, 14.7, 11.2], min_length=2, max_length=1000),
]


@STATISTICS.get("/summary")
def summarise_sample(values: Sample) -> Answer:
    """Returns mean, median, standard deviation, variance, range and sum of a sample."""
    return {
        "n": len(values),
        "sum": rounded(sum(values)),
        "mean": rounded(statistics.fmean(values)),
        "median": rounded(statistics.median(values)),
        "stdev": rounded(statistics.stdev(values)),
        "variance": rounded(statistics.variance(values)),
        "minimum": min(values),
        "maximum": max(values),
    }


@STATISTICS.get("/quantiles")
def quantiles_of_sample(
    values: Sample,
    parts: Annotated[int, about("Into how many equal parts to divide", ge=2, le=100)] = 4,
    method: Annotated[
        Literal["exclusive", "inclusive"], about("Whether the sample holds the extremes")
    ] = "exclusive",
) -> Answer:
    """Divides a sample into parts of equal size and returns the values at their borders."""
    cuts = statistics.quantiles(values, n=parts, method=method)
    return {"parts": parts, "cut_points": [rounded(cut) for cut in cuts]}


class Pair(BaseModel):
    """A measured point."""

    x: Number
    y: Number


@STATISTICS.post("/regression")
def linear_regression(
    points: Annotated[
        list[Pair],
        about(
            "Measured points",
            [{"x": 1, "y": 2.3}, {"x": 2, "y": 4.1}, {"x": 3, "y": 6.2}, {"x": 5, "y": 9.7}],
            min_length=2,
            max_length=1000,
        ),
    ],
) -> Answer:
    """Fits a straight line to points; returns slope, intercept and Pearson's correlation."""
    x, y = [point.x for point in points], [point.y for point in points]
    if len(set(x)) < 2 or len(set(y)) < 2:
        raise unprocessable("the points must differ in x and in y")
    slope, intercept = statistics.linear_regression(x, y)
    correlation = statistics.correlation(x, y)
    return {"slope": rounded(slope), "intercept": rounded(intercept), "correlation": rounded(correlation)}


@STATISTICS.get("/normal")
def normal_distribution(
    x: Annotated[float, about("Value whose probability is wanted", 130, ge=-1e9, le=1e9)],
    mean: Annotated[float, about("Mean of the distribution", ge=-1e9, le=1e9)] = 100,
    stdev: Annotated[float, about("Standard deviation", ge=1e-6, le=1e9)] = 15,
) -> Answer:
    """Gives the share of a normal distribution below a value, the density there and the z-score."""
    normal = statistics.NormalDist(mean, stdev)
    return {
        "z_score": rounded(normal.zscore(x)),
        "below": rounded(normal.cdf(x), 9),
        "above": rounded(1 - normal.cdf(x), 9),
        "density": rounded(normal.pdf(x), 9),
    }


@STATISTICS.get("/outliers", fault=Fault.HTML_PAGE)
def find_outliers(
    values: Sample,
    factor: Annotated[float, about("Interquartile ranges that are still usual", ge=0.1, le=10)] = 1.5,
) -> Answer:
    """Finds values that lie unusually far from the quartiles of a sample."""
    first, _, third = statistics.quantiles(values, n=4)
    reach = factor * (third - first)
    outliers = [value for value in values if not first - reach <= value <= third + reach]
    return {"low": rounded(first - reach), "high": rounded(third + reach), "outliers": outliers}


@STATISTICS.get("/means", fault=Fault.NOT_FOUND)
def three_means(values: Sample) -> Answer:
    """arithmetic, geometric and harmonic mean"""
    positive = [value for value in values if value > 0]
    return {
        "arithmetic": rounded(statistics.fmean(values)),
        "geometric": rounded(statistics.geometric_mean(positive)),
        "harmonic": rounded(statistics.harmonic_mean(positive)),
    }
