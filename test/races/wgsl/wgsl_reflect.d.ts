/** The module build is the one that loads as an ES module; its types are the package's. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
