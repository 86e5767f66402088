// Adds the partial sums of a product whose K was split over workgroups.
//
//   out[i] (+)= alpha * sum_s partials[s, i]           i over the M * N elements of the product
//   columnSums[m] += sum_s partials[s, M * N + m]      where the product has column sums
//
// Shapes   partials [splits, stride], as matmul_tiled writes them with stride M * N + M; out
//          [elements]; columnSums [columns], where columns is M or 0. Attention's dq, whose parts
//          are split over the keys, has no columns.
// Grid     one invocation per element, the column sums last.
// Memory   registers only.
// Numerics f32, splits added in order: the sum has the same bits on every run.

const WG = 64u;

struct Params {
  elements: u32,
  columns: u32,
  stride: u32,
  splits: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> columnSums: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  if (i >= params.elements + params.columns) {
    return;
  }
  var sum = 0.0;
  for (var split = 0u; split < params.splits; split++) {
    sum += partials[split * params.stride + i];
  }
  // Column sums are a bias gradient: always accumulated, and without alpha.
  if (i >= params.elements) {
    columnSums[i - params.elements] += sum;
  } else if (params.accumulate != 0u) {
    out[i] += params.alpha * sum;
  } else {
    out[i] = params.alpha * sum;
  }
}
