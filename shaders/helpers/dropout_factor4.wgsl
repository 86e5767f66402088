// The dropout factors of elements element .. element + 3; element is a multiple of 4.
fn dropout_factor4(element: u32) -> vec4f {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(vec4f(), vec4f(params.keepScale), words < vec4u(params.keepThreshold));
}
