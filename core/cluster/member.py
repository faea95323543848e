"""This process as a member of a Ray cluster: the one that it is a job of, else one of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from core.cluster.client import INSTALL
from core.errors import ConfigError
from core.project import python_path


@contextmanager
def connected(flag: str) -> Iterator[None]:
    """Be a member of a cluster for a block of code.

    Args:
        flag: What the user asked for, to be named where Ray is missing.

    Raises:
        ConfigError: Ray is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"{flag} needs Ray: {INSTALL}") from error
    address = os.environ.get("RAY_ADDRESS")
    if address:
        # The environment of the job, its code included, holds for its workers too.
        ray.init(address=address)
    else:
        environment = {"env_vars": python_path()}
        # Errors of workers come back as errors; what else Ray's own processes say, which miss the
        # dashboard, is nobody's business.
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            runtime_env=environment,
        )
    try:
        yield
    finally:
        ray.shutdown()
