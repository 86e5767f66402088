/** The language extensions of WGSL that this device supports. */

/** The names that `requires` accepts and that `wgslLanguageFeatures` lists. */
export const LANGUAGE_FEATURES: readonly string[] = [
  'immediate_address_space',
  'pointer_composite_access',
  'uniform_buffer_standard_layout',
  'unrestricted_pointer_parameters',
];
