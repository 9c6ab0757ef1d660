"""Streamlit: st.connection in an app that its testing framework runs."""

import pathlib

import streamlit
from streamlit.testing.v1 import AppTest

from checks import Address, Servers, equal, run

READING_APP = """
import streamlit as st

connection = st.connection("shop", type="sql", url=URL)
top = st.slider("top", 1, 50, 10)
frame = connection.query("SELECT id, title, price FROM products WHERE id <= :top ORDER BY id", params={"top": top}, ttl=60)
st.dataframe(frame)
labels = connection.query("SELECT categorize(title, description) AS label, count(*) AS n FROM products GROUP BY 1 ORDER BY 1")
st.bar_chart(labels, x="label", y="n")
st.metric("products", int(labels["n"].sum()))
"""

WRITING_APP = """
import streamlit as st
from sqlalchemy import text

connection = st.connection("notes", type="sql", url=URL)
with connection.session as session:
    session.execute(text("DROP TABLE IF EXISTS streamlit_items"))
    session.execute(text("CREATE TABLE streamlit_items (id int, note text)"))
    session.execute(text("INSERT INTO streamlit_items VALUES (:id, :note)"), [{"id": 1, "note": "a"}, {"id": 2, "note": None}])
    session.commit()
    st.metric("rows", session.execute(text("SELECT count(*) FROM streamlit_items")).scalar())
    session.execute(text("DROP TABLE streamlit_items"))
    session.commit()
"""


def app(source: str, address: Address) -> AppTest:
    file = pathlib.Path("app.py")
    file.write_text(source.replace("URL", repr(address.with_driver("psycopg2"))))
    tested = AppTest.from_file(str(file.absolute()), default_timeout=60).run()
    if tested.exception:
        raise AssertionError(tested.exception[0].message)
    return tested


def reads(servers: Servers) -> None:
    """st.connection: query with parameters, a chart of labels, a rerun by a slider"""
    tested = app(READING_APP, servers.read)
    equal((tested.dataframe[0].value.shape, tested.metric[0].value), ((10, 3), "500"))
    tested.slider[0].set_value(25).run()
    equal(tested.dataframe[0].value.shape, (25, 3))


def writes(servers: Servers) -> None:
    """st.connection: session with writes"""
    equal(app(WRITING_APP, servers.write).metric[0].value, "2")


run(streamlit.__version__, [reads, writes])
