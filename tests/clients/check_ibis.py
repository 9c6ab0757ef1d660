"""ibis: tables, expressions that it compiles to SQL, views."""

import ibis

from checks import Address, Servers, equal, run


def connect(address: Address):
    return ibis.postgres.connect(host=address.host, port=address.port, user=address.user, database=address.database)


def tables(servers: Servers) -> None:
    """list_tables, table schemas"""
    connection = connect(servers.read)
    equal(sorted(set(connection.list_tables()) & {"orders", "products"}), ["orders", "products"])
    schema = connection.table("products").schema()
    equal({name: str(kind).lstrip("!") for name, kind in schema.items() if name in ("id", "title", "price", "in_stock", "added", "tags")},
          {"id": "int64", "title": "string", "price": "decimal(10, 2)", "in_stock": "boolean", "added": "date",
           "tags": "array<string>"})
    connection.disconnect()


def expressions(servers: Servers) -> None:
    """filter, join, aggregate, window, to_pandas, to_pyarrow"""
    connection = connect(servers.read)
    products, orders = connection.table("products"), connection.table("orders")
    frame = products.filter(products.price > 600).select("id", "title", "updated").order_by("id").to_pandas()
    equal((len(frame), int(frame["id"].iloc[0])), (20, 481))
    sold = (orders.join(products, orders.product_id == products.id)
            .group_by("in_stock").aggregate(sold=orders.quantity.sum(), count=ibis._.count()).order_by("in_stock").to_pandas())
    equal((int(sold["sold"].sum()), int(sold["count"].sum())), (8000, 2000))
    ranked = products.mutate(rank=ibis.row_number().over(group_by="in_stock", order_by=ibis.desc("price")))
    equal(ranked.filter(ranked["rank"] == 0).count().execute(), 2)
    monthly = products.group_by(month=products.added.truncate("M")).aggregate(total=products.price.sum()).order_by("month")
    equal(monthly.to_pyarrow().num_rows, 12)
    equal(products.title.upper().name("t").as_table().filter(ibis._.t.like("TEA%")).count().execute(), 100)
    equal(products.description.isnull().sum().execute(), 50)
    equal(products.price.quantile(0.5).execute() > 0, True)
    connection.disconnect()


def sql(servers: Servers) -> None:
    """con.sql with semql's functions"""
    # It makes a temporary view, to learn the types.
    connection = connect(servers.write)
    labelled = connection.sql("SELECT id, categorize(title, description) AS label FROM products WHERE id <= 20")
    counts = labelled.group_by("label").aggregate(n=ibis._.count()).to_pandas()
    equal(int(counts["n"].sum()), 20)
    connection.disconnect()


def creations(servers: Servers) -> None:
    """create_view, create_table, temporary tables, insert, drop"""
    connection = connect(servers.write)
    connection.create_view("ibis_view", connection.table("products").filter(ibis._.id < 4), overwrite=True)
    equal(connection.table("ibis_view").count().execute(), 3)
    connection.drop_view("ibis_view")
    connection.create_table("ibis_items", connection.table("products").select("id", "title").limit(5), overwrite=True)
    equal(connection.table("ibis_items").count().execute(), 5)
    connection.create_table("ibis_temporary", schema=ibis.schema({"a": "int64", "b": "string"}), temp=True)
    equal(connection.table("ibis_temporary").count().execute(), 0)
    connection.drop_table("ibis_items")
    connection.disconnect()


run(ibis.__version__, [tables, expressions, sql, creations])
