// The API sends lists as columns, one array a field; code here reads rows.

/** {a: [1, 2], b: [3, 4]} -> [{a: 1, b: 3}, {a: 2, b: 4}]. */
export function rowsOf(columns) {
  const names = Object.keys(columns ?? {});
  const length = names.length ? columns[names[0]].length : 0;
  const rows = new Array(length);
  for (let index = 0; index < length; index += 1) {
    const row = {};
    for (const name of names) row[name] = columns[name][index];
    rows[index] = row;
  }
  return rows;
}
