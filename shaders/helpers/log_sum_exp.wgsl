// l of a row from its maximum and its sum of exp(s - max); NO_L where no key was visible.
fn log_sum_exp(rowMax: f32, rowSum: f32) -> f32 {
  return select(NO_L, rowMax + log(rowSum), rowSum > 0.0);
}
