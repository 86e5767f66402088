/** Only this build of wgsl_reflect loads as an ES module; its types are those of the package. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
