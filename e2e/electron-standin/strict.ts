/** Makes whatever the stand-in lacks an error that names it, instead of `undefined`. */
export function strict<T extends object>(name: string, target: T): T {
  return new Proxy(target, {
    get(object, property, receiver): unknown {
      if (typeof property === 'symbol' || property in object || property === 'then' || property === 'toJSON') return Reflect.get(object, property, receiver);
      throw notImplemented(`${name}.${property}`);
    },
  });
}

export const notImplemented = (what: string): Error => new Error(`The Electron stand-in does not implement ${what}.`);
