// postgres.js: tagged templates, lists, cursors, transactions, inserts of objects.
'use strict';

const postgres = require('postgres');
const { assert, installedVersion, refused, run } = require('./checks.js');

async function withSql(url, work) {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

run(installedVersion('postgres'), {
  'parameters, lists and identifiers': async ({ read }) => withSql(read, async (sql) => {
    const [row] = await sql`SELECT id, title, price, added, tags FROM products WHERE id = ${2}`;
    assert.equal(row.title, 'pen; "blue" 2');
    assert.equal(row.price, '2.50');
    assert.ok(row.added instanceof Date);
    assert.deepEqual(row.tags, ['all', 'even']);
    const some = await sql`SELECT id FROM products WHERE id IN ${sql([1, 2, 3])} ORDER BY id`;
    assert.deepEqual(some.map((item) => item.id), ['1', '2', '3']);
    const any = await sql`SELECT ${sql('id')} FROM ${sql('products')} WHERE title = ANY(${['tea pot 1', 'x']})`;
    assert.equal(any.length, 1);
    const page = await sql`SELECT id FROM products ORDER BY id LIMIT ${2} OFFSET ${4}`;
    assert.deepEqual(page.map((item) => item.id), ['5', '6']);
    const none = await sql`SELECT ${null}::text AS nothing, ${new Date(0)}::timestamptz AS start, ${true}::bool AS flag`;
    assert.equal(none[0].nothing, null);
    assert.equal(none[0].start.getTime(), 0);
    assert.equal(none[0].flag, true);
  }),
  'cursors and describe': async ({ read }) => withSql(read, async (sql) => {
    let rows = 0;
    await sql`SELECT id FROM products`.cursor(100, (batch) => { rows += batch.length; });
    assert.equal(rows, 500);
    const described = await sql`SELECT id, title FROM products WHERE id = ${1}`.describe();
    assert.deepEqual(described.columns.map((column) => column.name), ['id', 'title']);
  }),
  'inserts of objects, transaction': async ({ write }) => withSql(write, async (sql) => {
    await sql`DROP TABLE IF EXISTS postgres_js_items`;
    await sql`CREATE TABLE postgres_js_items (id int, name text)`;
    const added = await sql`INSERT INTO postgres_js_items ${sql([{ id: 1, name: 'a' }, { id: 2, name: null }])} RETURNING id`;
    assert.deepEqual(added.map((item) => item.id), [1, 2]);
    const found = await sql.begin(async (transaction) => transaction`SELECT count(*)::int AS n FROM postgres_js_items`);
    assert.equal(found[0].n, 2);
    const changed = await sql`UPDATE postgres_js_items SET ${sql({ name: 'z' })} WHERE id = ${1}`;
    assert.equal(changed.count, 1);
    await sql`DROP TABLE postgres_js_items`;
  }),
  'errors': async ({ read }) => withSql(read, async (sql) => {
    await refused('42P01', sql`SELECT * FROM missing_table`);
    await refused('25006', sql`CREATE TABLE products (id int)`);
    assert.equal((await sql`SELECT 1::int AS one`)[0].one, 1);
  }),
});
