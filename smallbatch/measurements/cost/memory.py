"""Memory against batch size: a straight line, counted and measured, and the batch sizes that fit on the GPU."""

import numpy as np
import pandas as pd

from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.table import COMPILED, COUNTED, ESTIMATE, EXTRAPOLATED, PROCESS, by_batch_size

MIB_PER_GIB = 1024


def fit_memory(points: pd.Series) -> dict[str, float]:
    """Return the straight line through memory (MiB) by batch size: `constant_mib`, `per_image_mib`, and the largest
    distance of a point from it, `off_by_mib`. Takes two batch sizes or more."""
    sizes = points.index.to_numpy(float)
    slope, constant = np.polyfit(sizes, points.to_numpy(float), 1)
    off = np.abs(constant + slope * sizes - points.to_numpy(float)).max()
    return {"constant_mib": float(constant), "per_image_mib": float(slope), "off_by_mib": float(off)}


def check_of_the_count(config: Config, table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return how much memory an image more takes here, measured and counted, for networks with two sizes or more."""
    found = {}
    for network in config.measured():
        points, counted = by_batch_size(table, network, PROCESS), by_batch_size(table, network, COUNTED)
        if len(points) > 1:
            slopes = [fit_memory(some)["per_image_mib"] for some in (points, counted)]
            names = ("measured_mib_per_image", "counted_mib_per_image")
            found[network.label] = dict(zip(names, slopes, strict=True)) | {"ratio": slopes[0] / slopes[1]}
    return found


def memory_on_gpu(config: Config, table: pd.DataFrame) -> pd.DataFrame:
    """Return what the full network needs on the GPU, an estimate by each method: a row per image and batch size.

    `counted` counts layers. `compiled` is the line through what XLA states, `extrapolated` the one through what the
    training took on this machine, with the weights added, that were there before; both only where two batch sizes or
    more are known. Columns: `status` (estimate), `method`, `image_size`, `batch_size`, `memory_gib`, `card_memory_gib`,
    `margin_gib` (what is left of the GPU's), `fits`, and the line's `constant_mib`, `per_image_mib` and `off_by_mib`.
    """
    rows = []
    for network in config.estimated():
        counted, compiled, here = (by_batch_size(table, network, way) for way in (COUNTED, COMPILED, PROCESS))
        here = here + by_batch_size(table, network, COUNTED, "weights_mib").median()
        for method, points in ((COUNTED, counted), (COMPILED, compiled), (EXTRAPOLATED, here)):
            if len(points) < 2:
                continue
            line = fit_memory(points)
            for size in config.batch_sizes:
                # What is known needs no line.
                gib = points.get(size, line["constant_mib"] + size * line["per_image_mib"]) / MIB_PER_GIB
                margin = config.card_memory_gib - gib
                head = {"status": ESTIMATE, "method": method, "image_size": network.image_size, "batch_size": size}
                found = {"memory_gib": gib, "card_memory_gib": config.card_memory_gib}
                found |= {"margin_gib": margin, "fits": bool(margin >= 0)}
                rows.append(head | found | line)
    return pd.DataFrame(rows)


def largest_that_fits(config: Config, line: dict[str, float]) -> int:
    """Return the largest batch size whose memory, on the line of `fit_memory`, the GPU has; 0 where it has none."""
    room = config.card_memory_gib * MIB_PER_GIB - line["constant_mib"]
    return max(0, int(room // line["per_image_mib"]))
