"""A registry in which there is something to find."""

from pathlib import Path

from clocked_store import ClockedStore

from modelreg import Capture, Package, Registry
from modelreg.store import Store


def register_some(store: Store, model: Path, captured: Capture) -> Registry:
    """Register fraud:1, fraud:2, churn:1, fraud:3 and fraud:4, a day after one another, and delete fraud:3.

    The metric auc grows by 0.01 a day; the first, third and fifth have numpy 1.26.4, the others the captured one.
    fraud:2 and churn:1 are in production.
    """
    clocked = ClockedStore(store)
    old = Package("numpy", "1.26.4")
    for day, name in enumerate(("fraud", "fraud", "churn", "fraud", "fraud"), 1):
        clocked.set(f"2026-10-0{day}T12:00:00Z")
        packages = tuple(old if day % 2 and one.name == "numpy" else one for one in captured.environment.packages)
        Registry(clocked).register(
            model,
            name,
            capture=captured._replace(environment=captured.environment._replace(packages=packages)),
            tags={"day": str(day)},
            metrics={"auc": f"0.9{day}"},
        )
    registry = Registry(store)
    registry.set_alias("fraud:2", "production")
    registry.set_alias("churn:1", "production")
    registry.delete("fraud:3", why="leaked labels")
    return registry
