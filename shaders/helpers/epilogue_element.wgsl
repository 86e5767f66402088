// The epilogue of out[i], which is in column n.
fn epilogue_element(i: u32, n: u32, sum: f32) {
  var value = params.alpha * sum;
  if ((params.flags & BIAS) != 0u) {
    value += bias[n];
  }
  if ((params.flags & KEEP_INPUT) != 0u) {
    aux[i] = value;
  }
  if ((params.flags & GELU) != 0u) {
    value *= normal_cdf(value);
  }
  if ((params.flags & GELU_GRAD) != 0u) {
    value *= gelu_grad(aux[i]);
  }
  if ((params.flags & DROPOUT) != 0u) {
    value *= dropout_factor(i);
  }
  if ((params.flags & RESIDUAL) != 0u) {
    value += residual[i];
  }
  if ((params.flags & ACCUMULATE) != 0u) {
    value += out[i];
  }
  out[i] = value;
}
