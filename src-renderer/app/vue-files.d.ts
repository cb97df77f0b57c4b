/** For tools that do not read Vue files themselves; `vue-tsc` does, and takes no notice of this. */
declare module '*.vue' {
  import type { Component } from 'vue';

  const component: Component;
  export default component;
}
