"""Great Expectations: a validation of a table and of a query."""

import logging
import os

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx  # noqa: E402

from checks import Servers, equal, run

logging.disable(logging.WARNING)


def validated(batch, *expectations) -> None:
    """Fail unless every expectation holds."""
    suite = gx.ExpectationSuite(name="suite", expectations=list(expectations))
    result = batch.validate(suite)
    failed = [(item.expectation_config.type, item.exception_info or item.result) for item in result.results if not item.success]
    equal(failed, [])


def tables(servers: Servers) -> None:
    """table asset: columns, types, nulls, sets, ranges, quantiles, uniqueness, patterns"""
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_postgres("shop", connection_string=servers.read.with_driver("psycopg2"))
    batch = source.add_table_asset("products", table_name="products", schema_name="public").add_batch_definition_whole_table("all").get_batch()
    expect = gx.expectations
    validated(
        batch,
        expect.ExpectTableRowCountToEqual(value=500),
        expect.ExpectTableColumnsToMatchSet(column_set=["id", "title", "price"], exact_match=False),
        expect.ExpectColumnValuesToBeUnique(column="id"),
        expect.ExpectColumnValuesToNotBeNull(column="description", mostly=0.9),
        expect.ExpectColumnValuesToBeBetween(column="price", min_value=1, max_value=625),
        expect.ExpectColumnMeanToBeBetween(column="weight", min_value=31, max_value=32),
        expect.ExpectColumnMedianToBeBetween(column="weight", min_value=31, max_value=32),
        expect.ExpectColumnStdevToBeBetween(column="weight", min_value=18, max_value=19),
        expect.ExpectColumnQuantileValuesToBeBetween(
            column="weight", quantile_ranges={"quantiles": [0.25, 0.5], "value_ranges": [[15, 16], [31, 32]]}),
        expect.ExpectColumnValuesToBeInSet(column="in_stock", value_set=[True, False]),
        expect.ExpectColumnValuesToMatchRegex(column="title", regex=r"\d+$"),
        expect.ExpectColumnValuesToMatchLikePattern(column="title", like_pattern="% %"),
        expect.ExpectColumnValueLengthsToBeBetween(column="title", min_value=8, max_value=20),
        expect.ExpectColumnValuesToBeOfType(column="title", type_="TEXT"),
        expect.ExpectColumnDistinctValuesToBeInSet(column="in_stock", value_set=[True, False]),
        expect.ExpectCompoundColumnsToBeUnique(column_list=["id", "title"]))


def queries(servers: Servers) -> None:
    """query asset over semql's labels, SQL of one's own"""
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_postgres("shop", connection_string=servers.read.with_driver("psycopg2"))
    asset = source.add_query_asset("labels", query="SELECT id, categorize(title, description) AS label FROM products")
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    validated(batch, gx.expectations.ExpectColumnValuesToNotBeNull(column="label"),
              gx.expectations.UnexpectedRowsExpectation(unexpected_rows_query="SELECT * FROM {batch} WHERE id < 0"))


run(gx.__version__, [tables, queries])
