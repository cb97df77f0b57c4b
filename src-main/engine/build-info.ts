/** Which build this is; the bundler puts the values in. */
declare const QUARTERDECK_VERSION: string | undefined;
declare const QUARTERDECK_BUILD: string | undefined;

const FROM_SOURCE = 'source';
export const VERSION = typeof QUARTERDECK_VERSION === 'string' ? QUARTERDECK_VERSION : FROM_SOURCE;
/** The commit it was made of. */
export const BUILD = typeof QUARTERDECK_BUILD === 'string' ? QUARTERDECK_BUILD : FROM_SOURCE;
