import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Tests of `semql serve` with the JDBC driver: Jdbc PORT. */
public class Jdbc {
    static final long CANCEL_INTERVAL_MILLISECONDS = 200;
    static final String ENDLESS =
        "SELECT count(embed('text ' || value)) FROM generate_series(1, 1000000000000)";

    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:postgresql://127.0.0.1:" + arguments[0] + "/datafusion?user=ada&ApplicationName=test";
        try (Connection connection = DriverManager.getConnection(url)) {
            catalogue(connection);
            queries(connection);
            fetchSizes(connection);
            cancellation(connection);
        }
        System.out.println("done");
    }

    static void catalogue(Connection connection) throws SQLException {
        DatabaseMetaData data = connection.getMetaData();
        List<String> tables = new ArrayList<>();
        try (ResultSet rows = data.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})) {
            while (rows.next()) {
                tables.add(rows.getString("TABLE_NAME") + ": " + rows.getString("REMARKS"));
            }
        }
        expect(tables.contains("shop: What the shop sells"), "tables: " + tables);
        List<String> columns = new ArrayList<>();
        try (ResultSet rows = data.getColumns(null, "public", "shop", "%")) {
            while (rows.next()) {
                columns.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME") + " " + rows.getString("REMARKS"));
            }
        }
        expect(columns.size() == 3, "columns: " + columns);
        expect(columns.contains("title text What it says on the label"), "columns: " + columns);
        List<String> schemas = new ArrayList<>();
        try (ResultSet rows = data.getSchemas()) {
            while (rows.next()) {
                schemas.add(rows.getString(1));
            }
        }
        expect(schemas.contains("public"), "schemas: " + schemas);
        try (ResultSet rows = data.getPrimaryKeys(null, "public", "shop")) {
            expect(!rows.next(), "no keys");
        }
        try (ResultSet rows = data.getIndexInfo(null, "public", "shop", false, true)) {
            expect(!rows.next(), "no indexes");
        }
        try (ResultSet rows = data.getTypeInfo()) {
            expect(rows.next(), "types");
        }
    }

    static void queries(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT id, title, price, embed(title) AS v FROM shop WHERE price > ? AND title <> ? ORDER BY id")) {
            // The driver prepares it by name from the fifth time on.
            for (int time = 0; time < 8; time++) {
                statement.setInt(1, 3);
                statement.setString(2, "nothing");
                try (ResultSet rows = statement.executeQuery()) {
                    expect(rows.next() && rows.getLong("id") == 1 && rows.getString("title").equals("red shoes"), "first row");
                    Array vector = rows.getArray("v");
                    expect(((Object[]) vector.getArray()).length == 16, "vector");
                    expect(rows.next() && rows.getInt("price") == 15 && !rows.next(), "second row");
                }
            }
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET ai.seed = 79");
            try (ResultSet rows = statement.executeQuery("SHOW ai.seed")) {
                expect(rows.next() && rows.getString(2).equals("79"), "setting");
            }
            try (ResultSet rows = statement.executeQuery("DESCRIBE shop")) {
                expect(rows.next() && rows.getString(1).equals("id"), "describe");
            }
            try {
                statement.executeQuery("SELECT titel FROM shop");
                throw new AssertionError("an unknown column was accepted");
            } catch (SQLException error) {
                expect(error.getSQLState().equals("42703"), error.toString());
            }
        }
    }

    static void fetchSizes(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(100);
            long sum = 0;
            try (ResultSet rows = statement.executeQuery("SELECT value FROM generate_series(1, 12345)")) {
                while (rows.next()) {
                    sum += rows.getLong(1);
                }
            }
            expect(sum == 12345L * 12346 / 2, "sum: " + sum);
            // Closed before its end.
            try (ResultSet rows = statement.executeQuery("SELECT value FROM generate_series(1, 1000000000000)")) {
                expect(rows.next(), "a row");
            }
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void cancellation(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            CountDownLatch ended = new CountDownLatch(1);
            // The statement may begin after the first request.
            Thread thread = new Thread(() -> {
                try {
                    while (!ended.await(CANCEL_INTERVAL_MILLISECONDS, TimeUnit.MILLISECONDS)) {
                        statement.cancel();
                    }
                } catch (Exception error) {
                    error.printStackTrace();
                }
            });
            thread.start();
            try {
                statement.executeQuery(ENDLESS);
                throw new AssertionError("the statement was not cancelled");
            } catch (SQLException error) {
                expect(error.getSQLState().equals("57014"), error.toString());
            } finally {
                ended.countDown();
            }
            thread.join();
            try (ResultSet rows = statement.executeQuery("SELECT 1")) {
                expect(rows.next(), "a row after the cancellation");
            }
        }
    }

    static void expect(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
