/** What charts show. */
export interface Sample { readonly atMs: number; readonly value: number }
export interface Series { readonly name: string; readonly samples: readonly Sample[] }
