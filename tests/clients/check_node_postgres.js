// node-postgres (pg): pool, parameters, prepared statements, cursors, streams, copies.
'use strict';

const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');
const pg = require('pg');
const Cursor = require('pg-cursor');
const QueryStream = require('pg-query-stream');
const copy = require('pg-copy-streams');
const { assert, installedVersion, refused, run } = require('./checks.js');

async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

run(installedVersion('pg'), {
  'pool, parameters and lists': async ({ read }) => {
    const pool = new pg.Pool({ connectionString: read, max: 3 });
    const counts = await Promise.all(
      [1, 2, 3, 4, 5].map((id) => pool.query('SELECT title FROM products WHERE id = $1', [id])));
    assert.equal(counts[1].rows[0].title, 'pen; "blue" 2');
    const any = await pool.query('SELECT count(*) AS n FROM products WHERE id = ANY($1)', [[1, 2, 3]]);
    assert.equal(any.rows[0].n, '3');
    const texts = await pool.query('SELECT count(*)::int AS n FROM products WHERE title = ANY($1::text[])', [['tea pot 1', 'a"b']]);
    assert.equal(texts.rows[0].n, 1);
    const page = await pool.query('SELECT id FROM products ORDER BY id LIMIT $1 OFFSET $2', [2, 3]);
    assert.deepEqual(page.rows.map((row) => row.id), ['4', '5']);
    await pool.end();
  },
  'types': async ({ read }) => withClient(read, async (client) => {
    const { rows, fields } = await client.query('SELECT * FROM products WHERE id = 2');
    assert.equal(rows[0].price, '2.50');
    assert.equal(rows[0].weight, 0.25);
    assert.equal(rows[0].in_stock, false);
    assert.ok(rows[0].updated instanceof Date);
    assert.deepEqual(rows[0].tags, ['all', 'even']);
    assert.equal(fields.find((field) => field.name === 'id').dataTypeID, 20);
    const json = await client.query('SELECT $1::json AS j', [{ a: [1, 2] }]);
    assert.deepEqual(json.rows[0].j, { a: [1, 2] });
  }),
  'prepared statements': async ({ read }) => withClient(read, async (client) => {
    for (const id of [1, 2, 3]) {
      const { rows } = await client.query({ name: 'by-id', text: 'SELECT id FROM products WHERE id = $1', values: [id], rowMode: 'array' });
      assert.deepEqual(rows, [[String(id)]]);
    }
  }),
  'cursors and query streams': async ({ read }) => withClient(read, async (client) => {
    const cursor = client.query(new Cursor('SELECT id FROM products WHERE id > $1 ORDER BY id', [10]));
    assert.deepEqual((await cursor.read(2)).map((row) => row.id), ['11', '12']);
    await cursor.close();
    let sum = 0;
    for await (const row of client.query(new QueryStream('SELECT id FROM products', [], { batchSize: 50 }))) sum += Number(row.id);
    assert.equal(sum, 125250);
  }),
  'COPY both ways, RETURNING': async ({ write }) => withClient(write, async (client) => {
    await client.query('DROP TABLE IF EXISTS node_items');
    await client.query('CREATE TABLE node_items (id int, name text)');
    const inserted = await client.query('INSERT INTO node_items VALUES ($1, $2), (2, NULL) RETURNING id', [1, 'a']);
    assert.deepEqual(inserted.rows, [{ id: 1 }, { id: 2 }]);
    assert.equal(inserted.rowCount, 2);
    await pipeline(Readable.from(['3\tc\n', '4\t\\N\n']), client.query(copy.from('COPY node_items FROM STDIN')));
    let text = '';
    for await (const piece of client.query(copy.to('COPY (SELECT * FROM node_items ORDER BY id) TO STDOUT'))) text += piece;
    assert.equal(text, '1\ta\n2\t\\N\n3\tc\n4\t\\N\n');
    await client.query('DROP TABLE node_items');
  }),
  'errors, transactions, several statements': async ({ read }) => withClient(read, async (client) => {
    await refused('42P01', client.query('SELECT * FROM missing_table'));
    await client.query('BEGIN');
    await refused('42703', client.query('SELECT missing_column FROM products'));
    await refused('25P02', client.query('SELECT 1'));
    await client.query('ROLLBACK');
    const results = await client.query('SELECT 1::int AS a; SELECT 2::int AS b');
    assert.deepEqual(results.map((result) => result.rows[0]), [{ a: 1 }, { b: 2 }]);
  }),
});
