// Finds the point next to the pointer among thousands: a grid of cells in pixels, built once a drawing.

const CELL = 24;

/** `xs`, `ys`: positions in pixels, NaN for points that are not drawn. */
export function buildPointIndex(xs, ys) {
  const cells = new Map();
  const key = (column, row) => column * 65536 + row;
  for (let i = 0; i < xs.length; i += 1) {
    if (Number.isNaN(xs[i]) || Number.isNaN(ys[i])) continue;
    const at = key(Math.floor(xs[i] / CELL) + 4, Math.floor(ys[i] / CELL) + 4);
    const cell = cells.get(at);
    if (cell) cell.push(i);
    else cells.set(at, [i]);
  }
  return {
    /** The nearest point at most `reach` (<= 24) pixels away, or -1. */
    nearest(x, y, reach = 20) {
      const [column, row] = [Math.floor(x / CELL) + 4, Math.floor(y / CELL) + 4];
      let best = -1;
      let bestDistance = reach * reach;
      for (let c = column - 1; c <= column + 1; c += 1) {
        for (let r = row - 1; r <= row + 1; r += 1) {
          for (const i of cells.get(key(c, r)) ?? []) {
            const distance = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
            if (distance <= bestDistance) {
              bestDistance = distance;
              best = i;
            }
          }
        }
      }
      return best;
    },
    /** All points within a rectangle. */
    within(left, top, right, bottom) {
      const found = [];
      for (let i = 0; i < xs.length; i += 1) {
        if (xs[i] >= left && xs[i] <= right && ys[i] >= top && ys[i] <= bottom) found.push(i);
      }
      return found;
    },
  };
}
