// Runs the parts of a client's check and prints their results, as checks.py does.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

/** Run every part `{name: async (servers) => ...}`, and exit. */
async function run(version, parts) {
  const [read, write] = process.argv.slice(2);
  console.log(`version: ${version}`);
  let failed = false;
  for (const [name, part] of Object.entries(parts)) {
    try {
      await part({ read, write });
      console.log(`ok: ${name}`);
    } catch (error) {
      failed = true;
      const text = String(error.message).replace(/\s+/g, ' ').slice(0, 600);
      console.log(`FAILED: ${name} => ${error.name} ${error.code || ''}: ${text}`);
    }
  }
  process.exit(failed ? 1 : 0);
}

/** Fail unless the promise is rejected with this SQLSTATE. */
async function refused(code, promise) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.code, code);
    return true;
  });
}

/** Version of a package, from its package.json, which it may not export. */
function installedVersion(name) {
  const file = path.join(process.env.NODE_PATH, name, 'package.json');
  return JSON.parse(fs.readFileSync(file, 'utf8')).version;
}

module.exports = { assert, installedVersion, refused, run };
