// The random stream of one seed and training step, mixed on the host.
struct Random {
  stream: vec2u,
}

// Four random words for a key of four words: pcg4d of Jarzynski and Olano, Hash Functions for GPU
// Rendering, JCGT 9(3), 2020. It has no state: the same key gives the same words on every adapter,
// in any order of the invocations.
fn hash4(key: vec4u) -> vec4u {
  var v = key * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}
