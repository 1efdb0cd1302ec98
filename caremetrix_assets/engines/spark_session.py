"""The Spark session of a run: what it needs to start, the settings that the tables' meaning rests on, its errors.

Where it runs and with how much is Spark's own configuration (``spark-defaults.conf`` and the like); only without any is
it this machine, with the threads of the settings.
"""

from __future__ import annotations

import importlib.util
import logging
import shutil
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from caremetrix_assets.errors import CaremetrixError, ServiceError
from caremetrix_assets.settings import Settings, has_spark_configuration, java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

APP = "caremetrix"
# The meaning of the tables: they win over any configuration.
MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    # a product of decimals keeps its digits or fails, as in DuckDB
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
# Without a configuration of the user's: this machine. Partitions grow with the threads, and AQE merges small ones.
ALONE = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
    "spark.log.level": "ERROR",
}


@dataclass(frozen=True)
class SparkOptions:
    """Threads and the JVM's memory of a Spark without a configuration of its own, and whether there is one.

    ``java_home`` is where Java was said to be; ``hadoop`` are settings of the bucket (``fs.s3a.…``).
    """

    threads: int
    memory: str = "2g"
    configured: bool = False
    java_home: str = ""
    hadoop: tuple[tuple[str, str], ...] = ()


def spark_options(settings: Settings) -> SparkOptions:
    """What the settings say for Spark; the bucket's options go to Hadoop, credentials do not: they are Hadoop's own chain."""
    hadoop = {
        "fs.s3a.endpoint": settings.s3_endpoint,
        "fs.s3a.endpoint.region": settings.s3_region,
        "fs.s3a.path.style.access": "true" if settings.s3_path_style else None,
    }
    return SparkOptions(
        threads=settings.threads,
        configured=has_spark_configuration(),
        java_home=java_home(),
        hadoop=tuple((name, value) for name, value in hadoop.items() if value),
    )


def require(options: SparkOptions) -> None:
    """Says what is missing before anything is read; ServiceError without PySpark or Java."""
    if importlib.util.find_spec("pyspark") is None:
        raise ServiceError("CAREMETRIX_ENGINE=spark needs PySpark: pip install 'caremetrix-assets[spark]', or use the duckdb engine.")
    if not shutil.which("java", path=f"{options.java_home}/bin" if options.java_home else None):
        where = "under JAVA_HOME" if options.java_home else "on the PATH"
        raise ServiceError(f"CAREMETRIX_ENGINE=spark needs Java 17 or newer, and there is none {where}; install it or set JAVA_HOME.")


def start(options: SparkOptions) -> tuple[SparkSession, bool]:
    """A session with the settings of :data:`MEANING`, and whether Spark was started for it.

    Where a session is active already (a notebook, a platform's own) it is a new one of the same application, which
    :func:`stop` leaves running.
    """
    require(options)
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)
    # nothing passes through pandas
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    found = SparkSession.getActiveSession()
    try:
        session = found.newSession() if found else _builder(options).getOrCreate()
    except PySparkException as error:
        raise ServiceError(
            f"Spark did not start ({error.getCondition()}); its own message is above. Check Java (17 or newer) and Spark's settings."
        ) from error
    for name, value in MEANING.items():
        session.conf.set(name, value)
    return session, found is None


def _builder(options: SparkOptions) -> SparkSession.Builder:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(APP)
    if not options.configured:
        sized = {"spark.sql.shuffle.partitions": str(2 * options.threads), "spark.driver.memory": options.memory}
        for name, value in {**ALONE, **sized}.items():
            builder = builder.config(name, value)
        builder = builder.master(f"local[{options.threads}]")
    for name, value in options.hadoop:
        builder = builder.config(f"spark.hadoop.{name}", value)
    return builder


def stop(session: SparkSession, own: bool) -> None:
    """Ends a session that :func:`start` started."""
    if own:
        session.stop()


def trial(options: SparkOptions) -> str:
    """Starts Spark, counts one row and ends it; says which Spark it was and where."""
    session, own = start(options)
    try:
        session.sql("select 1").collect()
        return f"Spark {session.version} on {session.conf.get('spark.master')}"
    finally:
        stop(session, own)


def is_local(session: SparkSession) -> bool:
    """Whether the session's executors are this machine's."""
    return str(session.conf.get("spark.master", "local")).startswith("local")


def explain(error: Exception, table: str) -> Exception:
    """Spark's error as one of ours, without any value of a row; other errors as they are."""
    if "pyspark" not in sys.modules or isinstance(error, CaremetrixError):
        return error
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, ParseException, PySparkException

    if isinstance(error, (AnalysisException, ParseException)):
        return CaremetrixError(f"The SQL of {table} does not run in Spark ({error.getCondition()}).")
    if isinstance(error, PySparkException):
        return CaremetrixError(f"Spark could not finish the query of {table} ({error.getCondition() or type(error).__name__}).")
    if isinstance(error, (Py4JError, ConnectionError)):
        return ServiceError(f"Spark broke off at {table} ({type(error).__name__}); see its log, and give it more memory if it ran out.")
    return error
