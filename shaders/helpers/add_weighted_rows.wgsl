// sums + weights [4, count] . BUFFER [count, chunks c and c + 1]: the weights are a score tile in
// memory, and `start` is where the first row's head begins in BUFFER.
fn add_weighted_BUFFER(sums: Tile4x8, weights: u32, start: u32, count: u32, c: u32) -> Tile4x8 {
  var t = sums;
  let C = params.H * D;
  let next = min(c + 1u, CHUNKS - 1u);
  var row = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_BUFFER(row, c);
    let b1 = load_BUFFER(row, next);
    let w0 = vec4f(memory[weights + n]);
    t.t00 += w0 * b0;
    t.t01 += w0 * b1;
    let w1 = vec4f(memory[weights + TILE + n]);
    t.t10 += w1 * b0;
    t.t11 += w1 * b1;
    let w2 = vec4f(memory[weights + 2u * TILE + n]);
    t.t20 += w2 * b0;
    t.t21 += w2 * b1;
    let w3 = vec4f(memory[weights + 3u * TILE + n]);
    t.t30 += w3 * b0;
    t.t31 += w3 * b1;
    row += C;
  }
  return t;
}
