/** Lines are told apart by colour, each at 3:1 or more on its ground, and by dashes. */
export const COLOURS = {
  light: ['#0072a3', '#b84600', '#2f7a00', '#8939ad', '#c21d00', '#007a7a', '#7a5c00', '#5b6b75'],
  dark: ['#49afd9', '#f89c4b', '#85c81a', '#c98be0', '#ff8573', '#3ecfc9', '#e8c229', '#a9b6be'],
} as const;
export const DASHES: readonly (readonly number[])[] = [[], [5, 3], [2, 2], [9, 3], [9, 3, 2, 3], [4, 1], [1, 3]];
