/** Variables of a VM's built-in UEFI that outlive its power, as the inventory keeps them (UEFI 2.10, 8.2). */

/** `guid` as text in lower case, `data` in base64. */
export interface EfiVariable { readonly name: string; readonly guid: string; readonly attributes: number; readonly data: string }
