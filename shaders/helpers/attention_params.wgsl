struct Params {
  B: u32,
  H: u32,
  // Queries.
  T: u32,
  // Keys.
  S: u32,
  // The number of ranges that the keys are split into, each for a workgroup of its own.
  splits: u32,
  // 1: query i sees keys 0 .. i only.
  causal: u32,
  // 1: `mask` says which keys can be seen.
  hasMask: u32,
  // 1: scores below the threshold in rowStats are masked.
  sparse: u32,
  // What scores are multiplied by, usually 1 / sqrt(D).
  scale: f32,
  // Dropout keeps a probability whose random word is below keepThreshold, and multiplies it by
  // keepScale = 1 / (1 - rate). Without dropout keepScale is 1.
  keepThreshold: u32,
  keepScale: f32,
  // Identifies this dropout in the model: no two draw from the same stream.
  site: u32,
}
