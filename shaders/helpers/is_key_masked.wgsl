// Whether no query may see key j of batch row b: it is past the last key, or masked by the host.
fn is_key_masked(b: u32, j: u32) -> bool {
  return j >= params.S
    || (params.hasMask != 0u && mask[b * params.S + min(j, params.S - 1u)] == 0u);
}
