import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.postgresql.PGConnection;

/** pgjdbc: parameters, cursors, batches, copies, and all calls of DatabaseMetaData. */
public class CheckJdbc {
    interface Part {
        void run() throws Exception;
    }

    interface Listing {
        ResultSet list() throws SQLException;
    }

    static String read;
    static String write;
    static boolean failed = false;

    public static void main(String[] arguments) throws Exception {
        read = arguments[0];
        write = arguments[1];
        try (Connection connection = connect(read, "")) {
            System.out.println("version: " + connection.getMetaData().getDriverVersion());
        }
        part("every listing of DatabaseMetaData", CheckJdbc::listings);
        part("tables, columns, types and comments by DatabaseMetaData", CheckJdbc::contents);
        part("parameters, arrays, binary transfer", CheckJdbc::parameters);
        part("fetch size, max rows", CheckJdbc::cursors);
        part("simple query mode", CheckJdbc::simple);
        part("batches, generated keys, CopyManager", CheckJdbc::writes);
        part("SQLSTATEs, read-only connection, savepoints", CheckJdbc::errors);
        System.exit(failed ? 1 : 0);
    }

    static Connection connect(String url, String options) throws SQLException {
        String user = url.substring(url.indexOf("//") + 2, url.indexOf('@'));
        return DriverManager.getConnection("jdbc:postgresql://" + url.substring(url.indexOf('@') + 1) + "?user=" + user + options);
    }

    static void part(String name, Part part) {
        try {
            part.run();
            System.out.println("ok: " + name);
        } catch (Exception | AssertionError error) {
            failed = true;
            System.out.println("FAILED: " + name + " => " + String.valueOf(error).replaceAll("\\s+", " "));
        }
    }

    static void equal(Object found, Object expected) {
        if (!Objects.equals(found, expected)) throw new AssertionError("found " + found + ", expected " + expected);
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) values.add(rows.getString(name));
        return values;
    }

    static void listings() throws Exception {
        try (Connection connection = connect(read, "")) {
            DatabaseMetaData data = connection.getMetaData();
            String table = "products";
            List<String> failures = new ArrayList<>();
            Object[][] listings = {
                {"getCatalogs", (Listing) data::getCatalogs}, {"getSchemas", (Listing) data::getSchemas},
                {"getSchemas of", (Listing) () -> data.getSchemas(null, "public")},
                {"getTableTypes", (Listing) data::getTableTypes}, {"getTypeInfo", (Listing) data::getTypeInfo},
                {"getTables", (Listing) () -> data.getTables(null, null, "%", null)},
                {"getTables of types", (Listing) () -> data.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})},
                {"getColumns", (Listing) () -> data.getColumns(null, "%", "%", "%")},
                {"getPrimaryKeys", (Listing) () -> data.getPrimaryKeys(null, "public", table)},
                {"getImportedKeys", (Listing) () -> data.getImportedKeys(null, "public", table)},
                {"getExportedKeys", (Listing) () -> data.getExportedKeys(null, "public", table)},
                {"getCrossReference", (Listing) () -> data.getCrossReference(null, "public", table, null, "public", "orders")},
                {"getIndexInfo", (Listing) () -> data.getIndexInfo(null, "public", table, false, true)},
                {"getBestRowIdentifier", (Listing) () -> data.getBestRowIdentifier(null, "public", table, DatabaseMetaData.bestRowSession, true)},
                {"getVersionColumns", (Listing) () -> data.getVersionColumns(null, "public", table)},
                {"getTablePrivileges", (Listing) () -> data.getTablePrivileges(null, "public", table)},
                {"getColumnPrivileges", (Listing) () -> data.getColumnPrivileges(null, "public", table, "%")},
                {"getFunctions", (Listing) () -> data.getFunctions(null, null, "%")},
                {"getFunctionColumns", (Listing) () -> data.getFunctionColumns(null, null, "categorize", "%")},
                {"getProcedures", (Listing) () -> data.getProcedures(null, null, "%")},
                {"getProcedureColumns", (Listing) () -> data.getProcedureColumns(null, null, "%", "%")},
                {"getUDTs", (Listing) () -> data.getUDTs(null, "public", "%", null)},
                {"getClientInfoProperties", (Listing) data::getClientInfoProperties},
            };
            for (Object[] listing : listings) {
                try (ResultSet rows = ((Listing) listing[1]).list()) {
                    while (rows.next()) {
                        for (int at = 1; at <= rows.getMetaData().getColumnCount(); at++) rows.getObject(at);
                    }
                } catch (SQLException | RuntimeException error) {
                    failures.add(listing[0] + ": " + error);
                }
            }
            data.getSQLKeywords();
            data.getMaxColumnNameLength();
            data.getNumericFunctions();
            if (!failures.isEmpty()) throw new AssertionError(failures.size() + " of " + listings.length + ": " + String.join("; ", failures));
        }
    }

    static void contents() throws Exception {
        try (Connection connection = connect(read, "")) {
            DatabaseMetaData data = connection.getMetaData();
            equal(column(data.getTables(null, "public", "%", new String[] {"TABLE"}), "TABLE_NAME"), List.of("orders", "products"));
            ResultSet tables = data.getTables(null, "public", "products", null);
            tables.next();
            equal(tables.getString("REMARKS"), "What the shop sells");
            ResultSet columns = data.getColumns(null, "public", "products", "%");
            List<String> found = new ArrayList<>();
            while (columns.next()) found.add(columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME"));
            equal(found, List.of("id int8", "title text", "description text", "price numeric", "weight float8", "in_stock bool",
                "added date", "updated timestamp", "tags _text"));
            ResultSet title = data.getColumns(null, "public", "products", "title");
            title.next();
            equal(title.getString("REMARKS"), "What it says on the label");
            equal(column(data.getFunctions(null, null, "categorize"), "FUNCTION_NAME").isEmpty(), false);
        }
    }

    static void parameters() throws Exception {
        // Values travel in binary from the first execution.
        try (Connection connection = connect(read, "&prepareThreshold=-1");
             PreparedStatement query = connection.prepareStatement(
                 "SELECT id, title, price, weight, in_stock, added, updated, tags FROM products WHERE id = ? AND price > ?")) {
            equal(query.getMetaData().getColumnTypeName(3), "numeric");
            equal(query.getParameterMetaData().getParameterType(1), Types.BIGINT);
            for (int turn = 0; turn < 6; turn++) {
                query.setLong(1, 2);
                query.setBigDecimal(2, new BigDecimal("1.5"));
                ResultSet row = query.executeQuery();
                row.next();
                equal(row.getString(2), "pen; \"blue\" 2");
                equal(row.getBigDecimal(3), new BigDecimal("2.50"));
                equal(row.getDouble(4), 0.25);
                equal(row.getBoolean(5), false);
                equal(row.getDate(6), Date.valueOf("2026-01-03"));
                equal(row.getTimestamp(7), Timestamp.valueOf("2026-01-01 06:32:00"));
                equal(((String[]) row.getArray(8).getArray())[1], "even");
            }
            PreparedStatement any = connection.prepareStatement("SELECT count(*) FROM products WHERE id = ANY(?)");
            Array ids = connection.createArrayOf("int8", new Long[] {1L, 2L, 3L});
            any.setArray(1, ids);
            ResultSet count = any.executeQuery();
            count.next();
            equal(count.getLong(1), 3L);
            PreparedStatement page = connection.prepareStatement("SELECT id FROM products WHERE title LIKE ? ORDER BY id LIMIT ?");
            page.setString(1, "tea%");
            page.setInt(2, 2);
            equal(column(page.executeQuery(), "id"), List.of("1", "6"));
        }
    }

    static void cursors() throws Exception {
        try (Connection connection = connect(read, ""); Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.setFetchSize(40);
            long sum = 0;
            ResultSet rows = statement.executeQuery("SELECT id FROM products");
            while (rows.next()) sum += rows.getLong(1);
            equal(sum, 125250L);
            statement.setMaxRows(7);
            equal(column(statement.executeQuery("SELECT id FROM products"), "id").size(), 7);
            connection.commit();
        }
    }

    static void simple() throws Exception {
        try (Connection connection = connect(read, "&preferQueryMode=simple");
             PreparedStatement query = connection.prepareStatement("SELECT id FROM products WHERE title = ? AND added < ?")) {
            query.setString(1, "tea pot 1");
            query.setDate(2, Date.valueOf("2026-02-01"));
            equal(column(query.executeQuery(), "id"), List.of("1"));
        }
    }

    static void writes() throws Exception {
        try (Connection connection = connect(write, ""); Statement statement = connection.createStatement()) {
            statement.execute("DROP TABLE IF EXISTS jdbc_items");
            statement.execute("CREATE TABLE jdbc_items (id serial, name text, added timestamp)");
            PreparedStatement insert = connection.prepareStatement(
                "INSERT INTO jdbc_items (name, added) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS);
            insert.setString(1, "a");
            insert.setTimestamp(2, Timestamp.valueOf("2026-01-02 03:04:05"));
            equal(insert.executeUpdate(), 1);
            ResultSet keys = insert.getGeneratedKeys();
            keys.next();
            equal(keys.getInt("id"), 1);
            PreparedStatement batch = connection.prepareStatement("INSERT INTO jdbc_items (id, name) VALUES (?, ?)");
            for (int id = 10; id < 13; id++) {
                batch.setInt(1, id);
                batch.setString(2, id == 11 ? null : "n" + id);
                batch.addBatch();
            }
            equal(batch.executeBatch().length, 3);
            var copy = connection.unwrap(PGConnection.class).getCopyAPI();
            equal(copy.copyIn("COPY jdbc_items (id, name) FROM STDIN", new StringReader("20\tx\n21\t\\N\n")), 2L);
            StringWriter out = new StringWriter();
            copy.copyOut("COPY (SELECT id, name FROM jdbc_items ORDER BY id) TO STDOUT", out);
            equal(out.toString(), "1\ta\n10\tn10\n11\t\\N\n12\tn12\n20\tx\n21\t\\N\n");
            statement.execute("DROP TABLE jdbc_items");
        }
    }

    static void errors() throws Exception {
        try (Connection connection = connect(read, ""); Statement statement = connection.createStatement()) {
            equal(stateOf(() -> statement.executeQuery("SELECT * FROM missing_table")), "42P01");
            equal(stateOf(() -> statement.executeQuery("SELECT missing_column FROM products")), "42703");
            connection.setReadOnly(true);
            connection.setAutoCommit(false);
            var savepoint = connection.setSavepoint("before");
            equal(stateOf(() -> statement.executeQuery("SELECT * FROM missing_table")), "42P01");
            connection.rollback(savepoint);
            equal(column(statement.executeQuery("SELECT 1 AS one"), "one"), List.of("1"));
            connection.rollback();
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            equal(connection.isValid(5), true);
        }
    }

    static String stateOf(Listing query) {
        try {
            query.list();
            return "no error";
        } catch (SQLException error) {
            return error.getSQLState();
        }
    }
}
