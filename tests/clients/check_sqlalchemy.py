"""SQLAlchemy 1.4, 2.0 and 2.1: reflection, Core, ORM, streamed results."""

import importlib.util

import sqlalchemy
from sqlalchemy import Column, Integer, Numeric, String, create_engine, func, inspect, select, text
from sqlalchemy.orm import Session, declarative_base

from checks import Address, Servers, equal, refused, run

DRIVERS = [driver for driver in ("psycopg2", "psycopg") if importlib.util.find_spec(driver)]
if sqlalchemy.__version__.startswith("1."):
    DRIVERS = ["psycopg2"]


def engines(address: Address):
    for driver in DRIVERS:
        engine = create_engine(address.with_driver(driver))
        yield engine
        engine.dispose()


def reflection(servers: Servers) -> None:
    """reflection: schemas, tables, columns, comments, keys, indexes, views"""
    for engine in engines(servers.read):
        inspector = inspect(engine)
        equal("public" in inspector.get_schema_names(), True)
        equal(sorted(inspector.get_table_names()), ["orders", "products"])
        columns = {column["name"]: column for column in inspector.get_columns("products")}
        types = {name: str(column["type"]) for name, column in columns.items()}
        types["weight"] = types["weight"].replace("_", " ")
        equal(types, {"id": "BIGINT", "title": "TEXT", "description": "TEXT", "price": "NUMERIC(10, 2)",
                      "weight": "DOUBLE PRECISION", "in_stock": "BOOLEAN", "added": "DATE", "updated": "TIMESTAMP",
                      "tags": "ARRAY"})
        equal(columns["title"]["comment"], "What it says on the label")
        equal(inspector.get_table_comment("products")["text"], "What the shop sells")
        for method in (inspector.get_pk_constraint, inspector.get_foreign_keys, inspector.get_indexes,
                       inspector.get_unique_constraints, inspector.get_check_constraints):
            method("products")
        inspector.get_view_names()
        equal(inspector.has_table("products"), True)
        equal(inspector.has_table("missing_table"), False)
        metadata = sqlalchemy.MetaData()
        metadata.reflect(engine)
        equal(sorted(metadata.tables), ["orders", "products"])


def core(servers: Servers) -> None:
    """Core: joins, IN, LIMIT, CASE, window functions, EXISTS"""
    for engine in engines(servers.read):
        metadata = sqlalchemy.MetaData()
        products = sqlalchemy.Table("products", metadata, autoload_with=engine)
        orders = sqlalchemy.Table("orders", metadata, autoload_with=engine)
        with engine.connect() as connection:
            joined = select(products.c.title, func.sum(orders.c.quantity).label("sold")).select_from(
                products.join(orders, products.c.id == orders.c.product_id)).group_by(products.c.title).order_by(
                    sqlalchemy.desc("sold"), products.c.title).limit(2).offset(1)
            equal(len(connection.execute(joined).fetchall()), 2)
            chosen = select(products.c.id).where(products.c.id.in_([1, 2, 3])).where(~products.c.title.like("pen%"))
            equal(sorted(row[0] for row in connection.execute(chosen)), [1, 3])
            ordered = select(orders.c.id).where(orders.c.product_id == products.c.id).exists()
            equal(connection.execute(select(func.count()).select_from(products).where(ordered)).scalar(), 500)
            ranked = select(products.c.id, func.row_number().over(
                partition_by=products.c.in_stock, order_by=products.c.price.desc()).label("rank")).subquery()
            equal(connection.execute(select(func.count()).where(ranked.c.rank == 1)).scalar(), 2)
            equal(connection.execute(text("SELECT count(*) FROM products WHERE id = ANY(:ids)"), {"ids": [1, 2]}).scalar(), 2)
            equal(connection.execute(select(sqlalchemy.cast("12", Integer), sqlalchemy.literal("x"))).fetchone(), (12, "x"))


def streamed(servers: Servers) -> None:
    """stream_results"""
    for engine in engines(servers.read):
        with engine.connect().execution_options(stream_results=True, max_row_buffer=50) as connection:
            equal(sum(row[0] for row in connection.execute(text("SELECT id FROM products"))), 125250)


def orm(servers: Servers) -> None:
    """ORM: create_all, add, query, update, delete, drop_all"""
    for engine in engines(servers.write):
        base = declarative_base()

        class Item(base):
            __tablename__ = "sqlalchemy_items"
            id = Column(Integer, primary_key=True)
            name = Column(String(20), nullable=False)
            price = Column(Numeric(8, 2))

        base.metadata.drop_all(engine)
        base.metadata.create_all(engine)
        base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add_all([Item(name="a", price=1), Item(name="b;c"), Item(name="d", price=2)])
            session.commit()
            equal([item.name for item in session.execute(select(Item).order_by(Item.id)).scalars()], ["a", "b;c", "d"])
            item = session.execute(select(Item).where(Item.name == "b;c")).scalar_one()
            item.price = 7
            session.commit()
            equal(float(session.execute(select(func.sum(Item.price))).scalar()), 10.0)
            session.delete(item)
            session.commit()
            equal(session.execute(select(func.count()).select_from(Item)).scalar(), 2)
        base.metadata.drop_all(engine)
        equal(inspect(engine).has_table("sqlalchemy_items"), False)


def transactions(servers: Servers) -> None:
    """pool with pre-ping, isolation levels, errors"""
    for engine in engines(servers.read):
        careful = create_engine(engine.url, pool_pre_ping=True, isolation_level="AUTOCOMMIT")
        with careful.connect() as connection:
            equal(connection.execute(text("SELECT 1")).scalar(), 1)
        with careful.connect() as connection:
            refused(sqlalchemy.exc.ProgrammingError, lambda: connection.execute(text("SELECT * FROM missing_table")))
        careful.dispose()


run(f"{sqlalchemy.__version__} ({', '.join(DRIVERS)})", [reflection, core, streamed, orm, transactions])
