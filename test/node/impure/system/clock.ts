// What a pure file must not import; see imports.test.ts.
export const start = 1;
