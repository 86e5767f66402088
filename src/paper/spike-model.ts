/** The model of spikes alone that several demonstrations start from. */

/** A narrow model without dropout, whose token times are sines and cosines. */
export const SPIKE_MODEL = {
  n_embd: 32,
  n_head: 4,
  initial_weights: 'fan_in',
  resolution: { dt: 0.01 },
  wave_emb: true,
  vit_encoder: false,
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
} as const;
