"""Coordinates for places in which near is near: their own, or worked out from distances alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.travel import Travel

LANDMARKS = 24


def points_of(problem: RoutingProblem, travel: Travel, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """[n, 2] for these places. Degrees are made equally long in both directions."""
    if problem.locations and len(places):
        degrees = np.array([(place.longitude, place.latitude) for place in problem.locations])[places]
        return np.asarray(degrees * [np.cos(np.radians(degrees[:, 1].mean())), 1.0])
    return from_distances(travel, places)


def from_distances(travel: Travel, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Landmark multidimensional scaling (de Silva and Tenenbaum 2004): exact where distances are those of a plane.

    Landmarks are chosen far apart, each the farthest from those before.
    """
    n = len(places)
    if n < 3:
        return np.zeros((n, 2))
    chosen = [int(np.argmax(_from(travel, places, places[0])))]
    rows = [_from(travel, places, places[chosen[0]])]
    while len(chosen) < min(LANDMARKS, n):
        chosen.append(int(np.argmax(np.min(rows, axis=0))))
        rows.append(_from(travel, places, places[chosen[-1]]))
    squares = np.array(rows) ** 2
    core = squares[:, chosen]
    centred = -0.5 * (core - core.mean(axis=0)[None, :] - core.mean(axis=1)[:, None] + core.mean())
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    top = np.argsort(values)[::-1][:2]
    pseudo = vectors[:, top] / np.sqrt(np.maximum(values[top], 1e-9))
    return np.asarray(-0.5 * (squares - core.mean(axis=1)[:, None]).T @ pseudo)


def legs(travel: Travel, origins: NDArray[Any], destinations: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Metres and seconds of each leg, pair by pair, as arrays of floats."""
    metres, seconds = travel.between(origins, destinations)
    return metres.astype(np.float64), seconds.astype(np.float64)


def _from(travel: Travel, places: NDArray[np.intp], place: int) -> NDArray[np.float64]:
    """Metres between one place and all, the mean of there and back."""
    here = np.full(len(places), place)
    there, back = legs(travel, here, places)[0], legs(travel, places, here)[0]
    return np.asarray((there + back) / 2, dtype=np.float64)
