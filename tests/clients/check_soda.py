"""Soda Core: a scan with metrics, schema, freshness and user-defined checks."""

import importlib.metadata
import logging

from soda.scan import Scan

from checks import Address, Servers, equal, run

logging.disable(logging.WARNING)

CHECKS = """
checks for products:
  - row_count = 500
  - missing_count(description) = 50
  - duplicate_count(id) = 0
  - invalid_count(title) = 0:
      valid min length: 5
  - invalid_percent(title) = 0:
      valid regex: .+ [0-9]+
  - min(price) = 1.25
  - max(weight) = 62.5
  - avg(weight) between 31 and 32
  - stddev(weight) between 18 and 19
  - percentile(weight, 0.5) between 31 and 32
  - sum(id) = 125250
  - schema:
      fail:
        when required column missing: [id, title, price]
        when wrong column type:
          id: bigint
          title: text
          price: numeric
          in_stock: boolean
          added: date
  - failed rows:
      fail condition: price < 0
  - unlabelled = 0:
      unlabelled query: SELECT count(*) FROM products WHERE categorize(title, description) IS NULL
checks for orders:
  - values in (product_id) must exist in products (id)
  - row_count same as orders
profile columns:
  columns: [products.%]
discover datasets:
  datasets: [include %]
"""


def configuration(address: Address) -> str:
    return f"""
data_source shop:
  type: postgres
  connection: {{host: {address.host}, port: {address.port}, username: {address.user}, password: none}}
  database: {address.database}
  schema: public
"""


def scans(servers: Servers) -> None:
    """scan: counts, nulls, patterns, percentiles, schema, references, profile, discovery"""
    scan = Scan()
    scan.disable_telemetry()
    scan.set_data_source_name("shop")
    scan.set_scan_definition_name("check")
    scan.add_configuration_yaml_str(configuration(servers.read))
    scan.add_sodacl_yaml_str(CHECKS)
    scan.execute()
    equal(scan.get_error_logs_text() or "", "")
    failed = [check.name for check in scan._checks if check.outcome is None or check.outcome.value != "pass"]
    equal(failed, [])
    equal(len(scan._checks), 16)


run(importlib.metadata.version("soda-core-postgres"), [scans])
