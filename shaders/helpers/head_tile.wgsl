// Chunks c and c + 1 of the four heads that start at BUFFER[starts]; where c is the last chunk, the
// second half of the tile is not used.
fn load_tile_BUFFER(starts: vec4u, c: u32) -> Tile4x8 {
  let next = min(c + 1u, CHUNKS - 1u);
  return Tile4x8(
    load_BUFFER(starts.x, c), load_BUFFER(starts.x, next),
    load_BUFFER(starts.y, c), load_BUFFER(starts.y, next),
    load_BUFFER(starts.z, c), load_BUFFER(starts.z, next),
    load_BUFFER(starts.w, c), load_BUFFER(starts.w, next),
  );
}

// Writes chunks c and c + 1 of the first `count` of the four heads.
fn store_tile_BUFFER(starts: vec4u, count: u32, c: u32, t: Tile4x8) {
  let hasNext = c + 1u < CHUNKS;
  store_BUFFER(starts.x, c, t.t00);
  if (hasNext) {
    store_BUFFER(starts.x, c + 1u, t.t01);
  }
  if (count > 1u) {
    store_BUFFER(starts.y, c, t.t10);
    if (hasNext) {
      store_BUFFER(starts.y, c + 1u, t.t11);
    }
  }
  if (count > 2u) {
    store_BUFFER(starts.z, c, t.t20);
    if (hasNext) {
      store_BUFFER(starts.z, c + 1u, t.t21);
    }
  }
  if (count > 3u) {
    store_BUFFER(starts.w, c, t.t30);
    if (hasNext) {
      store_BUFFER(starts.w, c + 1u, t.t31);
    }
  }
}
