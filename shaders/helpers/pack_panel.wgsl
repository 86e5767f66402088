// Packs rows start .. start + count - 1 of one head of BUFFER, which begins at `base`, into a panel
// in memory: eight rows side by side, so that element d of all eight is in 8 neighboring words for
// dot_products. The last row is repeated up to a multiple of 8.
fn pack_BUFFER(panel: u32, base: u32, start: u32, count: u32) {
  let C = params.H * D;
  let last = vec4u(start + count - 1u);
  for (var n = 0u; n < count; n += 8u) {
    let i = start + n;
    let r = base + min(vec4u(i, i + 1u, i + 2u, i + 3u), last) * C;
    let s = base + min(vec4u(i + 4u, i + 5u, i + 6u, i + 7u), last) * C;
    // Four elements of eight rows at a time: two 4 x 4 matrices, transposed so that a row is one
    // element of four rows.
    for (var c = 0u; c < CHUNKS; c++) {
      let left = transpose(mat4x4f(
        load_BUFFER(r.x, c), load_BUFFER(r.y, c), load_BUFFER(r.z, c), load_BUFFER(r.w, c),
      ));
      let right = transpose(mat4x4f(
        load_BUFFER(s.x, c), load_BUFFER(s.y, c), load_BUFFER(s.z, c), load_BUFFER(s.w, c),
      ));
      let target_ = panel + 8u * (PADDED * (n / 8u) + 4u * c);
      store4(target_, left[0]);
      store4(target_ + 4u, right[0]);
      store4(target_ + 8u, left[1]);
      store4(target_ + 12u, right[1]);
      store4(target_ + 16u, left[2]);
      store4(target_ + 20u, right[2]);
      store4(target_ + 24u, left[3]);
      store4(target_ + 28u, right[3]);
    }
  }
}
