// DuckDB's part of bench/bulk/compare: node duckdb.mjs load|look-up, in the directory of the data.
import { createRequire } from 'node:module';
const { DuckDBInstance } = createRequire(process.cwd() + '/')('@duckdb/node-api');

const statements = {
    load: `CREATE TABLE pairs AS SELECT * FROM read_csv('pairs.tsv', delim = '\t', header = false, quote = '',
           escape = '', columns = {'key': 'UBIGINT', 'value': 'VARCHAR'})`,
    'look-up': `COPY (SELECT key, value FROM read_csv('keys.txt', header = false, columns = {'key': 'UBIGINT'})
           JOIN pairs USING (key)) TO 'out' (FORMAT csv, HEADER false, DELIMITER '\t', QUOTE '', ESCAPE '')`,
};
const instance = await DuckDBInstance.create('pairs.duckdb', { preserve_insertion_order: 'false' });
const connection = await instance.connect();
await connection.run(statements[process.argv[2]]);
